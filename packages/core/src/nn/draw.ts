import { Tensor, type TensorOptions } from "../tensor/tensor.ts";
import type { Initialisation } from "./initialisation.ts";

/**
 * A tensor's starting values: a function of the seed and the parameter's name alone, so that the order in which a model
 * makes its parameters plays no part. Each element is drawn by its number (Philox 4x32-10): truncation narrows the range
 * of probabilities, so every draw counts.
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
  const { std, cutoff = Number.POSITIVE_INFINITY, zeroRow } = init;
  const y = Tensor.empty(shape, on);
  y.madeBy = "drawInitial";
  const outside = Number.isFinite(cutoff) ? normalBelow(-cutoff) : 0;
  y.backend.randomNormal(y, std, outside, Math.min(cutoff, FARTHEST), seed, streamOf(name));
  if (zeroRow != null && zeroRow >= 0 && zeroRow < shape[0]!) {
    const row = Tensor.zeros([1, ...shape.slice(1)], y);
    y.backend.copyInto(y, row, 0, zeroRow);
    row.dispose();
  }
  return y;
}

/** More standard deviations than any draw reaches. */
const FARTHEST = 10;

/** A number that stands for a name: FNV-1a, 53 bits of 64. */
export function streamOf(name: string): number {
  let hash = 0xcbf29ce484222325n;
  for (let i = 0; i < name.length; i++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(name.charCodeAt(i))) * 0x100000001b3n);
  }
  return Number(hash >> 11n);
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
