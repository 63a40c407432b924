import { neg } from "../ops/affine.ts";
import { equal } from "../ops/equal.ts";
import { mul } from "../ops/mul.ts";
import { sqrt } from "../ops/sqrt.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import { where } from "../ops/where.ts";
import { Tensor } from "../tensor/tensor.ts";
import { fromDifferences } from "./differences.ts";
import { expectPairs } from "./expect-vectors.ts";

/**
 * The negated distance of every vector to every other: `y[i, j] = −√Σ_c (a[i,c] − b[j,c])²`. Equal vectors have
 * distance 0 exactly, and no gradient.
 *
 * @param a `[n, dim]` float32 or bfloat16
 * @param b `[m, dim]` of a's dtype
 * @returns `[n, m]`
 */
export function euclideanSim(a: Tensor, b: Tensor): Tensor {
  return neg(fromDifferences("euclideanSim", a, b, euclideanLength));
}

/** The negated distance of each pair: `[n]` of two `[n, dim]`. */
export function pairwiseEuclideanSim(a: Tensor, b: Tensor): Tensor {
  expectPairs("pairwiseEuclideanSim", a, b);
  return neg(euclideanLength(sub(a, b)));
}

/** The length of each vector: `[…]` of `[…, dim]`. */
function euclideanLength(x: Tensor): Tensor {
  return rootOrZero(sum(mul(x, x), -1));
}

/** `√x` with gradient 0 where x is 0. */
export function rootOrZero(x: Tensor): Tensor {
  const isZero = equal(x, 0);
  const one = Tensor.full([], 1, x);
  const root = sqrt(where(isZero, one, x));
  return where(isZero, Tensor.full([], 0, x), root);
}
