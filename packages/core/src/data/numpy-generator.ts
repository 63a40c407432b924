import { EngineError } from "../errors.ts";
import { type BitGenerator, Pcg64, wideProduct } from "./pcg64.ts";
import type { Seed } from "./seed-sequence.ts";

/** Something with places to exchange. */
interface Places {
  readonly length: number;
  [index: number]: unknown;
}

const MOST = 2 ** 31 - 1; // rows are int32

/**
 * NumPy's `Generator`, as far as data needs it: the same seed gives NumPy's numbers, so that a shuffle here picks the
 * rows that Python picks.
 *
 * @see https://numpy.org/doc/stable/reference/random/generator.html
 */
export class NumpyGenerator {
  readonly #bits: Pcg64;

  /** @param bits "PCG64", NumPy's default, or "PCG64DXSM" */
  constructor(seed: Seed, bits: BitGenerator = "PCG64") {
    this.#bits = new Pcg64("NumpyGenerator", seed, bits);
  }

  /** A number in [0, 1), of 53 bits. */
  random(): number {
    const { high, low } = this.#bits.draw();
    return ((high >>> 5) * 67108864 + (((high & 31) << 21) | (low >>> 11))) / 2 ** 53;
  }

  /**
   * A whole number in [low, high); with one argument, in [0, low).
   *
   * @throws EngineError where the range is empty or wider than 2^32
   */
  integers(low: number, high?: number): number {
    const [from, to] = high === undefined ? [0, low] : [low, high];
    const range = to - from - 1;
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || range < 0 || range > 0xffffffff) {
      throw new EngineError(
        "NumpyGenerator.integers",
        `the range is [${from}, ${to})`,
        "Give whole numbers, the second above the first by at most 2^32.",
      );
    }
    return from + this.#upTo(range);
  }

  /** The numbers below `count` in random order. */
  permutation(count: number): Int32Array {
    const order = new Int32Array(checkedCount("NumpyGenerator.permutation", count));
    for (let i = 0; i < count; i++) order[i] = i;
    this.shuffle(order);
    return order;
  }

  /** Shuffles in place. */
  shuffle(values: Places): void {
    for (let i = values.length - 1; i > 0; i--) exchange(values, i, this.#masked(i));
  }

  /**
   * `size` different numbers below `count`, in random order: NumPy's `choice(count, size, replace=False)`.
   */
  choice(count: number, size: number): Int32Array {
    checkedCount("NumpyGenerator.choice", count);
    if (!Number.isInteger(size) || size < 0 || size > count) {
      throw new EngineError("NumpyGenerator.choice", `${size} of ${count} were asked for`, "Choose at most all.");
    }
    if (count > 10_000 && size > Math.floor(count / 50)) {
      const order = new Int32Array(count);
      for (let i = 0; i < count; i++) order[i] = i;
      for (let i = count - 1; i >= Math.max(count - size, 1); i--) exchange(order, i, this.#upTo(i));
      return order.slice(count - size);
    }
    const chosen = new Int32Array(size);
    const seen = new Set<number>();
    for (let last = count - size; last < count; last++) {
      const drawn = this.#upTo(last);
      const value = seen.has(drawn) ? last : drawn;
      seen.add(value);
      chosen[last - count + size] = value;
    }
    for (let i = size - 1; i > 0; i--) exchange(chosen, i, this.#upTo(i));
    return chosen;
  }

  /** In [0, most]: bits are drawn until they are few enough. NumPy shuffles so, and draws numbers otherwise. */
  #masked(most: number): number {
    const mask = 0xffffffff >>> Math.clz32(most);
    for (;;) {
      const value = (this.#bits.uint32() & mask) >>> 0;
      if (value <= most) return value;
    }
  }

  /** In [0, most], by Lemire's multiplication; a draw that would favour some numbers is repeated. */
  #upTo(most: number): number {
    if (most === 0) return 0;
    if (most === 0xffffffff) return this.#bits.uint32();
    const range = most + 1;
    let { high, low } = wideProduct(this.#bits.uint32(), range);
    if (low < range) {
      const threshold = (0xffffffff - most) % range;
      while (low < threshold) ({ high, low } = wideProduct(this.#bits.uint32(), range));
    }
    return high;
  }
}

function exchange(values: Places, i: number, j: number): void {
  const kept = values[i];
  values[i] = values[j];
  values[j] = kept;
}

function checkedCount(where: string, count: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= MOST) return count;
  throw new EngineError(where, `the count is ${count}`, `Use a whole number from 0 to ${MOST}.`);
}
