import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * `y = e^x`.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function exp(x: Tensor): Tensor {
  return unary("exp", x, "result");
}
