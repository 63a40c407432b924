import { expectFloat } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { resolveAxis } from "./axes.ts";

/**
 * The logarithm of softmax: `y[n] = (x[n] − max) − log Σ_k e^(x[k] − max)`. Where every score is −∞ it stays −∞.
 *
 * @param x any shape with at least one dimension, float32 or bfloat16
 * @param axis the axis whose elements share (default −1, the last)
 * @returns x's shape
 */
export function logSoftmax(x: Tensor, axis: number = -1): Tensor {
  expectFloat("logSoftmax", "x", x);
  const along = resolveAxis("logSoftmax", x, axis);
  const y = Tensor.empty(x.shape, x);
  x.backend.logSoftmaxForward(y, contiguous(x), along);
  return record("logSoftmax", y, { inputs: [x], saved: [y] }, (dy, [y]) => {
    const dx = Tensor.empty(y.shape, y);
    dy.backend.logSoftmaxBackward(dx, dy, y, along);
    return [dx];
  });
}
