import type { Tensor } from "../tensor/tensor.ts";
import { add } from "./add.ts";
import { neg } from "./affine.ts";
import { relu } from "./relu.ts";

/**
 * `y = |x|`; a NaN stays. The gradient at 0 is 0.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function abs(x: Tensor): Tensor {
  return add(relu(x), relu(neg(x)));
}
