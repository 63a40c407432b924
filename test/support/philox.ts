/** Philox 4x32-10 in plain arithmetic, and the mask that dropout draws with it (native/cpu/philox.h). */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter.map((word) => BigInt(word >>> 0)) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map((word) => BigInt(word >>> 0)) as [bigint, bigint];
  const low = 0xffffffffn;
  for (let round = 0; round < 10; round++) {
    const [p0, p1] = [0xd2511f53n * c0, 0xcd9e8d57n * c2];
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & low, (p0 >> 32n) ^ c3 ^ k1, p0 & low];
    [k0, k1] = [(k0 + 0x9e3779b9n) & low, (k1 + 0xbb67ae85n) & low];
  }
  return [c0, c1, c2, c3].map(Number);
}

/** The key of a training step. */
export function keyOf(seed: number, step: number): [number, number] {
  const wrap = (x: bigint) => BigInt.asUintN(64, x);
  const mix = (x: bigint) => {
    let z = x;
    z = wrap((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = wrap((z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  };
  const key = mix(wrap(mix(wrap(BigInt(seed) + 0x9e3779b97f4a7c15n)) + BigInt(step)));
  return [Number(key & 0xffffffffn), Number(key >> 32n)];
}
