import { sizeOf } from "../tensor/shape.ts";
import { Tensor, type TensorOptions } from "../tensor/tensor.ts";
import type { Initialisation } from "./initialisation.ts";

/**
 * A tensor's starting values: a function of the seed and the parameter's name alone, so that the order in which a model
 * makes its parameters plays no part.
 *
 * @param options `seed`: a whole number; `name`: the parameter's, within the base model; dtype and device
 */
export function drawInitial(
  shape: readonly number[],
  init: Initialisation,
  options: TensorOptions & { seed: number; name: string },
): Tensor {
  const { seed, name, ...on } = options;
  if (init.kind === "zeros") return Tensor.zeros(shape, on);
  if (init.kind === "ones") return Tensor.ones(shape, on);
  const { std, cutoff, zeroRow } = init;
  const values = normalValues(sizeOf(shape), std, cutoff ?? Number.POSITIVE_INFINITY, streamOf(seed, name));
  if (zeroRow != null && zeroRow >= 0 && zeroRow < shape[0]!) {
    const width = sizeOf(shape.slice(1));
    values.fill(0, zeroRow * width, (zeroRow + 1) * width);
  }
  return Tensor.from(values, { ...on, shape });
}

/** Two words that stand for (seed, name): FNV-1a over the name, mixed with the seed. */
export function streamOf(seed: number, name: string): [number, number] {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return [mix(hash ^ Math.imul(seed | 0, 0x9e3779b1)), mix(Math.floor(seed / 2 ** 32) ^ Math.imul(hash, 0x85ebca6b))];
}

/** A bijection of 32-bit words in which every bit of the result depends on every bit of the argument. */
function mix(word: number): number {
  let z = word | 0;
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return z ^ (z >>> 15);
}

/**
 * Draws by counter: value `i` is the normal quantile of a number that two rounds of mixing make of `i` and the stream.
 * Truncation narrows the range of probabilities, so every draw counts.
 */
function normalValues(count: number, std: number, cutoff: number, [low, high]: [number, number]): Float32Array {
  const outside = Number.isFinite(cutoff) ? normalBelow(-cutoff) : 0;
  const values = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const word = mix(mix(i ^ low) + high) >>> 0;
    const uniform = (word + 0.5) / 2 ** 32;
    const z = normalQuantile(outside + uniform * (1 - 2 * outside));
    values[i] = std * Math.min(Math.max(z, -cutoff), cutoff);
  }
  return values;
}

/** P(Z < z) for z ≤ 0, by the continued fraction of the tail (Abramowitz and Stegun 26.2.14) or its series near 0. */
function normalBelow(z: number): number {
  const x = -z;
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (x > 3) {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / (x + fraction);
    return density / (x + fraction);
  }
  let term = x;
  let sum = x;
  for (let k = 3; term > 1e-17 * sum; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 - density * sum;
}

/** The z with P(Z < z) = p, to about 1e-7: algorithm PPND7 of Wichura (1988), Applied Statistics 37, AS 241. */
export function normalQuantile(p: number): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (
      (q * (((59.10937472 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179)) /
      (((67.1875636 * r + 78.757757664) * r + 17.895169469) * r + 1)
    );
  }
  const r = Math.sqrt(-Math.log(Math.min(p, 1 - p)));
  const z =
    r <= 5
      ? (((0.17023821103 * (r - 1.6) + 1.3067284816) * (r - 1.6) + 2.75681539) * (r - 1.6) + 1.4234372777) /
        ((0.12021132975 * (r - 1.6) + 0.7370016425) * (r - 1.6) + 1)
      : (((0.017337203997 * (r - 5) + 0.42868294337) * (r - 5) + 3.081226386) * (r - 5) + 6.657905115) /
        ((0.012258202635 * (r - 5) + 0.24197894225) * (r - 5) + 1);
  return q < 0 ? -z : z;
}
