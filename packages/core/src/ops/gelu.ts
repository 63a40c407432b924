import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * Gaussian error linear unit with the exact normal distribution: `y = x · Φ(x)` (torch's `approximate="none"`).
 *
 * @see https://arxiv.org/abs/1606.08415
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function gelu(x: Tensor): Tensor {
  return unary("gelu", x, "input");
}
