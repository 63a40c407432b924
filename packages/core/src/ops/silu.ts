import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * Sigmoid linear unit, also called swish: `y = x · σ(x)`.
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function silu(x: Tensor): Tensor {
  return unary("silu", x, "input");
}
