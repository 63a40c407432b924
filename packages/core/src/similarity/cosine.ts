import { l2Normalize } from "../ops/l2-normalize.ts";
import { matmul } from "../ops/matmul.ts";
import { mul } from "../ops/mul.ts";
import { sum } from "../ops/sum.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectPairs, expectRows } from "./operands.ts";

/**
 * Cosines of each row of `a` with each of `b`; a row of zeros has cosine 0 with all.
 *
 * @param a `[n, dim]`
 * @param b `[m, dim]` of the same dtype
 * @returns `[n, m]`
 */
export function cosSim(a: Tensor, b: Tensor): Tensor {
  expectRows("cosSim", a, b);
  return tensorScope(() => {
    const left = l2Normalize(a);
    return matmul(left, a === b ? left : l2Normalize(b), { transposeB: true });
  });
}

/**
 * Cosines of rows that belong together.
 *
 * @param a `[n, dim]`
 * @param b `[n, dim]`
 * @param options `eps`: the least length that a row is divided by (default 1e-12; `CosineSimilarity` of PyTorch: 1e-8)
 * @returns `[n]`
 */
export function pairwiseCosSim(a: Tensor, b: Tensor, options: { eps?: number } = {}): Tensor {
  expectPairs("pairwiseCosSim", a, b);
  return tensorScope(() => sum(mul(l2Normalize(a, options), l2Normalize(b, options)), -1));
}
