/** Arrays of float64 for reference formulas: slow, plain, and right. */
export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

export function array64(shape: readonly number[], fill: (i: number) => number = () => 0): Array64 {
  return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => fill(i)) };
}

/** Applies a function to each element. */
export function map64(x: Array64, f: (value: number) => number): Array64 {
  return { shape: x.shape, data: x.data.map((value) => f(value)) };
}

export function maxAbs(data: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(data[i]!));
  return largest;
}

/** Numbers that look random and are the same in every run: mulberry32. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Standard normal numbers, rounded to float32 so that an op and its reference see the same. */
export function normal(shape: readonly number[], seed = 1, scale = 1): Array64 {
  const next = generator(seed);
  return array64(shape, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return Math.fround(scale * radius * Math.cos(2 * Math.PI * next()));
  });
}

/** Uniform numbers in [low, high), rounded to float32. */
export function uniform(shape: readonly number[], low: number, high: number, seed = 1): Array64 {
  const next = generator(seed);
  return array64(shape, () => Math.fround(low + (high - low) * next()));
}
