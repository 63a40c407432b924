import { EngineError } from "../errors.ts";

/** A whole number from 0 on, or several, which are taken one after the other. */
export type Seed = number | bigint | readonly (number | bigint)[];

const POOL = 4;

/**
 * NumPy's `SeedSequence`: spreads the bits of a seed over as many words as a generator wants, so that near seeds give
 * unrelated states.
 *
 * @param words how many words of 32 bits
 * @see https://numpy.org/doc/stable/reference/random/bit_generators/generated/numpy.random.SeedSequence.html
 */
export function seedState(where: string, seed: Seed, words: number): Uint32Array {
  const entropy = (Array.isArray(seed) ? seed : [seed]).flatMap((each) => wordsOf(where, each as number | bigint));
  const pool = new Uint32Array(POOL);
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  for (let i = 0; i < POOL; i++) pool[i] = hash(entropy[i] ?? 0);
  for (let from = 0; from < POOL; from++) {
    for (let to = 0; to < POOL; to++) if (from !== to) pool[to] = mix(pool[to]!, hash(pool[from]!));
  }
  for (const word of entropy.slice(POOL)) for (let to = 0; to < POOL; to++) pool[to] = mix(pool[to]!, hash(word));

  const spread = hasher(0x8b51f9dd, 0x58f38ded);
  return Uint32Array.from({ length: words }, (_, i) => spread(pool[i % POOL]!));
}

/** Multiplies by a number that itself grows from call to call. */
function hasher(start: number, factor: number): (value: number) => number {
  let constant = start;
  return (value) => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, factor);
    const product = Math.imul(mixed, constant);
    return (product ^ (product >>> 16)) >>> 0;
  };
}

function mix(x: number, y: number): number {
  const difference = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0;
  return (difference ^ (difference >>> 16)) >>> 0;
}

/** The words of a number, lowest first; of 0 one. */
function wordsOf(where: string, seed: number | bigint): number[] {
  if (typeof seed === "number" ? !Number.isSafeInteger(seed) || seed < 0 : typeof seed !== "bigint" || seed < 0n) {
    throw new EngineError(where, `the seed is ${String(seed)}`, "Use a whole number from 0 on.");
  }
  const words: number[] = [];
  for (let rest = BigInt(seed); rest > 0n || words.length === 0; rest >>= 32n) words.push(Number(rest & 0xffffffffn));
  return words;
}
