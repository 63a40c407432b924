/**
 * Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011): a function from a
 * counter and a key to random words. Dropout draws with it in the kernels; this is the same function for what is drawn
 * in JavaScript.
 */
import { EngineError } from "../errors.ts";

/** Four random words of 32 bits for the counter (a, b, c, d), written to `words`. */
export type CounterGenerator = (words: Uint32Array, a: number, b: number, c: number, d: number) => void;

/**
 * A generator without a state: equal counters give equal words, in any order and on any thread. What is drawn for a place
 * then does not depend on what was drawn before it, so a split, a resumed run or another number of workers draws the same.
 *
 * @param seed the run's seed, a whole number
 * @param step each step has a stream of its own
 */
export function counterGenerator(seed: number, step: number): CounterGenerator {
  for (const [name, value] of Object.entries({ seed, step })) {
    if (!Number.isSafeInteger(value)) {
      throw new EngineError("counterGenerator", `${name} is ${value}`, "Pass a whole number.");
    }
  }
  const key = philoxKey(seed, step);
  return (words, a, b, c, d) => philox(words, a, b, c, d, key);
}

/** A key of two words for every (seed, step): both pass through a 64-bit mixing function that loses nothing. */
export function philoxKey(seed: number, step: number): readonly [low: number, high: number] {
  const first = mix(BigInt(seed) + 0x9e3779b97f4a7c15n);
  const key = mix(first + BigInt(step));
  return [Number(key & 0xffffffffn), Number(key >> 32n)];
}

function mix(x: bigint): bigint {
  let z = BigInt.asUintN(64, x);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}

/** Ten rounds on one counter. */
export function philox(
  words: Uint32Array,
  a: number,
  b: number,
  c: number,
  d: number,
  key: readonly [low: number, high: number],
): void {
  let [low, high] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, a);
    const low0 = Math.imul(0xd2511f53, a);
    const high1 = multiplyHigh(0xcd9e8d57, c);
    const low1 = Math.imul(0xcd9e8d57, c);
    a = high1 ^ b ^ low;
    b = low1;
    c = high0 ^ d ^ high;
    d = low0;
    low = (low + 0x9e3779b9) | 0;
    high = (high + 0xbb67ae85) | 0;
  }
  words[0] = a;
  words[1] = b;
  words[2] = c;
  words[3] = d;
}

/** The upper 32 bits of the product of two unsigned words, by halves: each step stays below 2⁵³. */
function multiplyHigh(x: number, y: number): number {
  const x1 = x >>> 16;
  const x0 = x & 0xffff;
  const y1 = y >>> 16;
  const y0 = y & 0xffff;
  const middle = x1 * y0 + ((x0 * y0) >>> 16);
  const other = x0 * y1 + (middle & 0xffff);
  return x1 * y1 + (middle >>> 16) + (other >>> 16);
}
