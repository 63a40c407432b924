import { matmul } from "../ops/matmul.ts";
import { mul } from "../ops/mul.ts";
import { sum } from "../ops/sum.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectPairs, expectVectors } from "./expect-vectors.ts";

/**
 * Dot product of every vector with every other: `y[i, j] = a[i]·b[j]`.
 *
 * @param a `[n, dim]` float32 or bfloat16
 * @param b `[m, dim]` of a's dtype
 * @returns `[n, m]`
 */
export function dotScore(a: Tensor, b: Tensor): Tensor {
  expectVectors("dotScore", a, b);
  return matmul(a, b, { transposeB: true });
}

/** Dot product of each pair: `y[i] = a[i]·b[i]`, `[n]` of two `[n, dim]`. */
export function pairwiseDotScore(a: Tensor, b: Tensor): Tensor {
  expectPairs("pairwiseDotScore", a, b);
  return sum(mul(a, b), -1);
}
