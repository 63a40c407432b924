import { createHash } from "node:crypto";

/**
 * A stream of draws that belongs to its seed and names alone, so that a source or a folder has the same draws whatever
 * was prepared before it and on how many threads: xoshiro128** from a SHA-256 of them.
 */
export class Draws {
  readonly #state: Uint32Array;

  constructor(seed: number, ...names: readonly string[]) {
    const digest = createHash("sha256")
      .update(JSON.stringify([seed, ...names]))
      .digest();
    this.#state = Uint32Array.from({ length: 4 }, (_, i) => digest.readUInt32LE(4 * i));
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  /** A whole number from 0 to `count - 1`, each as likely as the others. `count` is at most 2^32. */
  below(count: number): number {
    const most = 2 ** 32 - (2 ** 32 % count);
    for (;;) {
      const word = this.#next();
      if (word < most) return word % count;
    }
  }

  /** The numbers from 0 to `count - 1` in random order. */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order;
  }

  #next(): number {
    const s = this.#state;
    const product = Math.imul(s[1]!, 5);
    const word = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return word;
  }
}
