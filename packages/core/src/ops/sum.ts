import { expectFloat } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { reduction } from "./axes.ts";

/**
 * Adds up elements over some axes: `y = Σ x`. float32 sums in a fixed order, rounded to x's dtype once.
 *
 * @param x any shape, float32 or bfloat16
 * @param axes one or several axes, negative ones from the end; all by default
 * @param options `keepDims`: leave the reduced axes in the shape, with size 1 (default false)
 * @returns x's shape without those axes; a sum of nothing is 0
 */
export function sum(x: Tensor, axes?: number | readonly number[], options: { keepDims?: boolean } = {}): Tensor {
  expectFloat("sum", "x", x);
  const { input, shape, spread } = reduction("sum", x, axes, options.keepDims ?? false);
  const y = Tensor.empty(shape, x);
  x.backend.sum(y, input, 1);
  return record("sum", y, { inputs: [x], saved: [] }, (dy) => [spread(dy)]);
}
