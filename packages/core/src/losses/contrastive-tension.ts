import { expectSameShape, expectShape } from "../errors.ts";
import { add } from "../ops/add.ts";
import { affine } from "../ops/affine.ts";
import { mul } from "../ops/mul.ts";
import { softplus } from "../ops/softplus.ts";
import { sum } from "../ops/sum.ts";
import { transpose } from "../ops/transpose.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { inBatchNegatives } from "./in-batch-negatives.ts";

/**
 * Binary cross-entropy of scores as log-odds, summed over pairs:
 *
 *     loss = Σ_i y[i] log(1 + exp(−s[i])) + (1 − y[i]) log(1 + exp(s[i]))
 *
 * No term is a difference of large numbers: pairs that are told apart well keep their small losses.
 *
 * @param scores `[n]` dot products of two models' embeddings
 * @param labels `[n]` float32: 1 for a text and itself, 0 for two texts
 * @returns a scalar
 * @see https://openreview.net/forum?id=Ov_sMNau-PF
 */
export function contrastiveTension(scores: Tensor, labels: Tensor): Tensor {
  expectShape("contrastiveTension", "scores", scores, ["n"]);
  expectSameShape("contrastiveTension", "scores", scores, "labels", labels);
  const same = mul(labels, softplus(scores.neg()));
  return sum(add(same, mul(affine(labels, -1, 1), softplus(scores))));
}

/**
 * In-batch negatives in both directions: the mean of the loss of the rows and that of the columns.
 *
 * @param scores `[n, n]`, already multiplied by the scale
 * @returns a scalar
 */
export function symmetricInBatchNegatives(scores: Tensor): Tensor {
  return add(inBatchNegatives(scores), inBatchNegatives(transpose(scores))).mul(0.5);
}
