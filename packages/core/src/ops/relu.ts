import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * `y = max(x, 0)`; a NaN stays. The gradient at 0 is 0.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function relu(x: Tensor): Tensor {
  return unary("relu", x, "input");
}
