import { expectShape } from "../errors.ts";
import { concat } from "../ops/concat.ts";
import { greater } from "../ops/greater.ts";
import { logsumexp } from "../ops/logsumexp.ts";
import { reshape } from "../ops/reshape.ts";
import { sub } from "../ops/sub.ts";
import { where } from "../ops/where.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Pairs with higher labels should score higher (CoSENT), each pair against each other:
 *
 *     loss = log(1 + Σ_{i,j: y[i] < y[j]} exp(s[i] − s[j]))
 *
 * Not divided by the number of pairs. Only the order of the labels counts; where they are all equal, the loss is 0.
 *
 * @param scores `[n]`, already multiplied by the scale
 * @param labels `[n]` of the same dtype
 * @returns a scalar
 */
export function cosent(scores: Tensor, labels: Tensor): Tensor {
  const [n] = expectShape("cosent", "scores", scores, ["n"]);
  expectShape("cosent", "labels", labels, [n]);
  const across = (x: Tensor) => reshape(x, [1, n]);
  const down = (x: Tensor) => reshape(x, [n, 1]);
  const isAhead = greater(across(labels), down(labels));
  const none = Tensor.full([], Number.NEGATIVE_INFINITY, scores);
  const differences = where(isAhead, sub(down(scores), across(scores)), none);
  return logsumexp(concat([Tensor.zeros([1], { device: scores.device }), reshape(differences, [n * n])]));
}
