import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * `y = ln(1 + x)`, accurate near 0; −∞ at −1, NaN below.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function log1p(x: Tensor): Tensor {
  return unary("log1p", x, "input");
}
