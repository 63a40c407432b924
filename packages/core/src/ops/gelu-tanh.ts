import type { Tensor } from "../tensor/tensor.ts";
import { unary } from "./unary.ts";

/**
 * Gaussian error linear unit by its tanh formula: `y = x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))` (torch's
 * `approximate="tanh"`).
 *
 * @see https://arxiv.org/abs/1606.08415
 *
 * @param x any shape; float32 or bfloat16
 * @returns x's shape and dtype
 */
export function geluTanh(x: Tensor): Tensor {
  return unary("geluTanh", x, "input");
}
