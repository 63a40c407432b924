import { expectFloat } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { resolveAxis } from "./axes.ts";

/**
 * A smooth maximum along an axis: `y = max + log Σ_n e^(x[n] − max)`. −∞ where every score is, and where there is none;
 * no gradient there.
 *
 * @param x any shape with at least one dimension, float32 or bfloat16
 * @param axis the axis that is reduced (default −1, the last)
 * @param options `keepDims`: leave the axis in the shape, with size 1 (default false)
 * @returns x's shape without the axis
 */
export function logsumexp(x: Tensor, axis: number = -1, options: { keepDims?: boolean } = {}): Tensor {
  expectFloat("logsumexp", "x", x);
  const along = resolveAxis("logsumexp", x, axis);
  const input = contiguous(x);
  const one = options.keepDims ? [1] : [];
  const y = Tensor.empty([...x.shape.slice(0, along), ...one, ...x.shape.slice(along + 1)], x);
  x.backend.logsumexpForward(y, input, along);
  return record("logsumexp", y, { inputs: [x], saved: [input, y] }, (dy, [x, y]) => {
    const dx = Tensor.empty(x.shape, x);
    dy.backend.logsumexpBackward(dx, dy, x, y, along);
    return [dx];
  });
}
