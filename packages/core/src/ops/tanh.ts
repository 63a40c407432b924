import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * `y = tanh x`.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function tanh(x: Tensor): Tensor {
  return unary("tanh", x, "result");
}
