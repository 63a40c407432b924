import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * `y = ln(1 + e^x)`, in a form that does not overflow.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function softplus(x: Tensor): Tensor {
  return unary("softplus", x, "input");
}
