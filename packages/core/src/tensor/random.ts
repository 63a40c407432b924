import { sizeOf } from "./shape.ts";
import { Tensor, type TensorOptions } from "./tensor.ts";

export interface RandnOptions extends TensorOptions {
  /** The same seed gives the same numbers, on every device and machine. */
  seed: number;
  /** @default 1 */
  std?: number;
  /** @default 0 */
  mean?: number;
}

/** Uniform numbers in [0, 1) of 32 bits: the generator known as mulberry32, one addition per draw. */
export function uniformGenerator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Normal random numbers, drawn in JavaScript by the Box-Muller transform and copied to the device: for small weights
 * and for tests.
 */
export function randn(shape: readonly number[], { seed, std = 1, mean = 0, ...options }: RandnOptions): Tensor {
  const uniform = uniformGenerator(seed);
  const values = new Float32Array(sizeOf(shape));
  for (let i = 0; i < values.length; i += 2) {
    const radius = std * Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    values[i] = mean + radius * Math.cos(angle);
    if (i + 1 < values.length) values[i + 1] = mean + radius * Math.sin(angle);
  }
  return Tensor.from(values, { ...options, shape });
}
