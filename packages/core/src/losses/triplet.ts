import { expectSameShape } from "../errors.ts";
import { affine } from "../ops/affine.ts";
import { mean } from "../ops/mean.ts";
import { relu } from "../ops/relu.ts";
import { sub } from "../ops/sub.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * An anchor should be nearer to its positive than to its negative, by a margin:
 *
 *     loss = mean_i max(0, d(anchor, positive) − d(anchor, negative) + margin)
 *
 * @param toPositive `[n]` distances
 * @param toNegative `[n]` distances
 * @returns a scalar
 */
export function tripletMargin(toPositive: Tensor, toNegative: Tensor, margin: number): Tensor {
  expectSameShape("tripletMargin", "toPositive", toPositive, "toNegative", toNegative);
  return mean(relu(affine(sub(toPositive, toNegative), 1, margin)));
}
