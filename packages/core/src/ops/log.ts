import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * `y = ln x`; −∞ at 0, NaN below.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function log(x: Tensor): Tensor {
  return unary("log", x, "input");
}
