import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * `y = √x`; NaN below 0.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function sqrt(x: Tensor): Tensor {
  return unary("sqrt", x, "result");
}
