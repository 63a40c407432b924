import { type Seed, seedState } from "./seed-sequence.ts";

/**
 * Which of NumPy's generators: "PCG64" is that of `default_rng`; "PCG64DXSM" the one that orders the samples of
 * MosaicML's loaders.
 */
export type BitGenerator = "PCG64" | "PCG64DXSM";

/** The multiplier of each, in words of 16 bits, lowest first. */
const MULTIPLIER = {
  PCG64: [0xf645, 0x9fcc, 0xdf64, 0x4385, 0x5da4, 0x1fc6, 0xed05, 0x2360],
  PCG64DXSM: [0x58b5, 0xe4dd, 0x2042, 0xda94],
} as const;

/** Half of the 128 bits, as two words of 32. */
interface Word64 {
  high: number;
  low: number;
}

/**
 * A permuted congruential generator over 128 bits of state, seeded as NumPy does it.
 *
 *     state = state · multiplier + increment   (mod 2^128)
 *
 * PCG64 shows the new state, its halves combined and rotated; PCG64DXSM the old one, multiplied twice. The state is
 * kept in words of 16 bits, whose products and their sums are exact in JavaScript's numbers.
 *
 * @see https://www.pcg-random.org
 */
export class Pcg64 {
  readonly #bits: BitGenerator;
  readonly #state = new Float64Array(8);
  readonly #increment: Float64Array;
  #multiplier: readonly number[] = MULTIPLIER.PCG64; // seeding takes this one always
  /** The half of a draw that the last `uint32` did not use, or -1. */
  #half = -1;

  constructor(where: string, seed: Seed, bits: BitGenerator) {
    this.#bits = bits;
    const words = seedState(where, seed, 8);
    // pairs of words: the high half of 64 bits comes first, within them the low word
    const start = limbs([words[2]!, words[3]!, words[0]!, words[1]!]);
    this.#increment = doubledPlusOne(limbs([words[6]!, words[7]!, words[4]!, words[5]!]));
    this.#step();
    addInto(this.#state, start);
    this.#step();
    this.#multiplier = MULTIPLIER[bits];
  }

  /** 32 random bits. */
  uint32(): number {
    if (this.#half >= 0) {
      const kept = this.#half;
      this.#half = -1;
      return kept;
    }
    const { high, low } = this.draw();
    this.#half = high;
    return low;
  }

  /** 64 random bits, beside a kept half of `uint32`. The object is overwritten by the next call. */
  draw(): Readonly<Word64> {
    if (this.#bits === "PCG64") {
      this.#step();
      return rotated(this.#state);
    }
    const shown = multiplied(this.#state);
    this.#step();
    return shown;
  }

  #step(): void {
    const state = this.#state;
    const multiplier = this.#multiplier;
    const factors = multiplier.length;
    let carry = 0;
    for (let k = 0; k < 8; k++) {
      let sum = carry + this.#increment[k]!;
      for (let i = Math.max(0, k - factors + 1); i <= k; i++) sum += state[i]! * multiplier[k - i]!;
      carry = Math.floor(sum / 65536);
      NEXT[k] = sum - carry * 65536;
    }
    state.set(NEXT);
  }
}

const NEXT = new Float64Array(8);
const SHOWN: Word64 = { high: 0, low: 0 };

function rotated(state: Float64Array): Word64 {
  const high = word(state, 6) ^ word(state, 2);
  const low = word(state, 4) ^ word(state, 0);
  const by = state[7]! >>> 10;
  const [a, b] = by & 32 ? [low, high] : [high, low];
  const left = by & 31;
  SHOWN.high = (left === 0 ? a : (a >>> left) | (b << (32 - left))) >>> 0;
  SHOWN.low = (left === 0 ? b : (b >>> left) | (a << (32 - left))) >>> 0;
  return SHOWN;
}

function multiplied(state: Float64Array): Word64 {
  SHOWN.high = word(state, 6);
  SHOWN.low = (word(state, 4) ^ SHOWN.high) >>> 0;
  times(SHOWN, 0xda942042, 0xe4dd58b5);
  SHOWN.low = (SHOWN.low ^ (SHOWN.high >>> 16)) >>> 0;
  times(SHOWN, word(state, 2), (word(state, 0) | 1) >>> 0);
  return SHOWN;
}

const word = (limbs16: Float64Array, at: number): number => (limbs16[at + 1]! * 65536 + limbs16[at]!) >>> 0;

/** Modulo 2^64, in place. */
function times(x: Word64, high: number, low: number): void {
  const product = wideProduct(x.low, low);
  x.high = (product.high + Math.imul(x.high, low) + Math.imul(x.low, high)) >>> 0;
  x.low = product.low;
}

const PRODUCT: Word64 = { high: 0, low: 0 };

/** The 64 bits of a product of two words of 32. The object is overwritten by the next call. */
export function wideProduct(a: number, b: number): Readonly<Word64> {
  const [a0, a1, b0, b1] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16];
  const [lowest, middle, other] = [a0 * b0, a0 * b1, a1 * b0];
  const sum = (lowest >>> 16) + (middle & 0xffff) + (other & 0xffff);
  PRODUCT.high = a1 * b1 + (middle >>> 16) + (other >>> 16) + (sum >>> 16);
  PRODUCT.low = ((sum << 16) | (lowest & 0xffff)) >>> 0;
  return PRODUCT;
}

/** Words of 32 bits, lowest first, as words of 16. */
const limbs = (words: readonly number[]): Float64Array =>
  Float64Array.from({ length: 2 * words.length }, (_, i) => (i % 2 ? words[i >> 1]! >>> 16 : words[i >> 1]! & 0xffff));

function doubledPlusOne(x: Float64Array): Float64Array {
  return x.map((limb, i) => ((limb << 1) & 0xffff) | (i === 0 ? 1 : x[i - 1]! >>> 15));
}

function addInto(x: Float64Array, y: Float64Array): void {
  let carry = 0;
  for (let i = 0; i < x.length; i++) {
    const sum = x[i]! + y[i]! + carry;
    carry = sum >= 65536 ? 1 : 0;
    x[i] = sum - carry * 65536;
  }
}
