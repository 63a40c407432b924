import { l2Normalize } from "../ops/l2-normalize.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { dotScore, pairwiseDotScore } from "./dot.ts";
import { expectPairs, expectVectors } from "./expect-vectors.ts";

export interface CosineOptions {
  /**
   * A vector shorter than this is divided by it in place of its length. A zero vector has similarity 0 with all.
   *
   * @default 1e-12
   */
  eps?: number;
}

/**
 * Cosine of the angle between every vector and every other: `y[i, j] = a[i]·b[j] / (‖a[i]‖ ‖b[j]‖)`.
 *
 * @param a `[n, dim]` float32 or bfloat16
 * @param b `[m, dim]` of a's dtype
 * @returns `[n, m]`
 */
export function cosSim(a: Tensor, b: Tensor, options: CosineOptions = {}): Tensor {
  expectVectors("cosSim", a, b);
  const unit = l2Normalize(a, options);
  return dotScore(unit, a === b ? unit : l2Normalize(b, options));
}

/** Cosine of the angle of each pair: `[n]` of two `[n, dim]`. */
export function pairwiseCosSim(a: Tensor, b: Tensor, options: CosineOptions = {}): Tensor {
  expectPairs("pairwiseCosSim", a, b);
  return pairwiseDotScore(l2Normalize(a, options), l2Normalize(b, options));
}
