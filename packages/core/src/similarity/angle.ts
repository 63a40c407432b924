import { abs } from "../ops/abs.ts";
import { add } from "../ops/add.ts";
import { neg } from "../ops/affine.ts";
import { concat } from "../ops/concat.ts";
import { l2Normalize } from "../ops/l2-normalize.ts";
import { split } from "../ops/split.ts";
import { Tensor } from "../tensor/tensor.ts";
import { pairwiseDotScore } from "./dot.ts";
import { expectPairs } from "./expect-vectors.ts";

/**
 * AnglE's similarity of each pair: the vectors are read as complex numbers, a first half of real parts and a second of
 * imaginary ones, and divided; what counts is the sum of all parts of the quotient, whatever its sign:
 *
 *     y[i] = |Σ(ac + bd) + Σ(bc − ad)| / (‖x‖ ‖y‖)      x[i] = [a; b], y[i] = [c; d]
 *
 * An odd dimension gets a zero at its end. A zero vector has similarity 0.
 *
 * @param x `[n, dim]` float32 or bfloat16
 * @param y `[n, dim]` of x's dtype
 * @returns `[n]`, at least 0
 * @see https://arxiv.org/abs/2309.12871
 */
export function pairwiseAngleSim(x: Tensor, y: Tensor): Tensor {
  const { rows, dim } = expectPairs("pairwiseAngleSim", x, y);
  const even = (vectors: Tensor) =>
    dim % 2 === 0 ? vectors : concat([vectors, Tensor.zeros([rows, 1], { device: x.device, dtype: x.dtype })], 1);
  const [u, v] = [even(l2Normalize(x)), even(l2Normalize(y))];
  const half = Math.ceil(dim / 2);
  const [c, d] = split(v, [half, half], 1);
  const turned = concat([neg(d!), c!], 1);
  return abs(pairwiseDotScore(u, add(v, turned)));
}
