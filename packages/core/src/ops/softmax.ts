import { expectFloat } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { resolveAxis } from "./axes.ts";

/**
 * Shares that add up to 1 along an axis: `y[n] = e^(x[n] − max) / Σ_k e^(x[k] − max)`. Where every score is −∞ all
 * shares are 0.
 *
 * @param x any shape with at least one dimension, float32 or bfloat16
 * @param axis the axis whose elements share (default −1, the last)
 * @returns x's shape
 */
export function softmax(x: Tensor, axis: number = -1): Tensor {
  expectFloat("softmax", "x", x);
  const along = resolveAxis("softmax", x, axis);
  const y = Tensor.empty(x.shape, x);
  x.backend.softmaxForward(y, contiguous(x), along);
  return record("softmax", y, { inputs: [x], saved: [y] }, (dy, [y]) => {
    const dx = Tensor.empty(y.shape, y);
    dy.backend.softmaxBackward(dx, dy, y, along);
    return [dx];
  });
}
