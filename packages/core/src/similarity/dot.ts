import { matmul } from "../ops/matmul.ts";
import { mul } from "../ops/mul.ts";
import { sum } from "../ops/sum.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectPairs, expectRows } from "./operands.ts";

/**
 * Dot products of each row of `a` with each of `b`.
 *
 * @param a `[n, dim]`
 * @param b `[m, dim]` of the same dtype
 * @returns `[n, m]`
 */
export function dotScore(a: Tensor, b: Tensor): Tensor {
  expectRows("dotScore", a, b);
  return matmul(a, b, { transposeB: true });
}

/**
 * Dot products of rows that belong together.
 *
 * @param a `[n, dim]`
 * @param b `[n, dim]`
 * @returns `[n]`
 */
export function pairwiseDotScore(a: Tensor, b: Tensor): Tensor {
  expectPairs("pairwiseDotScore", a, b);
  return tensorScope(() => sum(mul(a, b), -1));
}
