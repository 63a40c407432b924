import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * `y = 1 / (1 + e^−x)`.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function sigmoid(x: Tensor): Tensor {
  return unary("sigmoid", x, "result");
}
