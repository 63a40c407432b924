import { expectSameShape } from "../errors.ts";
import { mean } from "../ops/mean.ts";
import { mul } from "../ops/mul.ts";
import { sub } from "../ops/sub.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** `mean (x − y)²` over all elements of two tensors of one shape: a scalar. */
export function meanSquaredError(x: Tensor, y: Tensor): Tensor {
  expectSameShape("meanSquaredError", "x", x, "y", y);
  const difference = sub(x, y);
  return mean(mul(difference, difference));
}
