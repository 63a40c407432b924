import { abs } from "../ops/abs.ts";
import { neg } from "../ops/affine.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fromDifferences } from "./differences.ts";
import { expectPairs } from "./expect-vectors.ts";

/**
 * The negated city-block distance of every vector to every other: `y[i, j] = −Σ_c |a[i,c] − b[j,c]|`. Components that
 * are equal have no gradient.
 *
 * @param a `[n, dim]` float32 or bfloat16
 * @param b `[m, dim]` of a's dtype
 * @returns `[n, m]`
 */
export function manhattanSim(a: Tensor, b: Tensor): Tensor {
  return neg(fromDifferences("manhattanSim", a, b, (x) => sum(abs(x), -1)));
}

/** The negated city-block distance of each pair: `[n]` of two `[n, dim]`. */
export function pairwiseManhattanSim(a: Tensor, b: Tensor): Tensor {
  expectPairs("pairwiseManhattanSim", a, b);
  return neg(sum(abs(sub(a, b)), -1));
}
