import { expectFloat } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { reduction } from "./axes.ts";

/**
 * Averages elements over some axes: `y = Σ x / n`.
 *
 * @param x any shape, float32 or bfloat16
 * @param axes one or several axes, negative ones from the end; all by default
 * @param options `keepDims`: leave the reduced axes in the shape, with size 1 (default false)
 * @returns x's shape without those axes; an average of nothing is NaN
 */
export function mean(x: Tensor, axes?: number | readonly number[], options: { keepDims?: boolean } = {}): Tensor {
  expectFloat("mean", "x", x);
  const { input, shape, count, spread } = reduction("mean", x, axes, options.keepDims ?? false);
  const y = Tensor.empty(shape, x);
  x.backend.mean(y, input, 1);
  return record("mean", y, { inputs: [x], saved: [] }, (dy) => {
    const share = Tensor.empty(dy.shape, dy);
    dy.backend.affine(share, dy, 1 / count, 0);
    return [spread(share)];
  });
}
