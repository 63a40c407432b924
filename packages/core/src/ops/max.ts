import { EngineError, expectFloat, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { sizeOf } from "../tensor/shape.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { resolveAxis } from "./axes.ts";

/**
 * The largest element along an axis. Its gradient goes to the first of equals. A NaN counts as the largest.
 *
 * @param x any shape, float32 or bfloat16
 * @param axis the axis that is reduced; all elements by default
 * @param options `keepDims`: leave the axis in the shape, with size 1 (default false)
 * @returns x's shape without the axis
 */
export function max(x: Tensor, axis?: number, options: { keepDims?: boolean } = {}): Tensor {
  const { values, indices, inputShape, along } = largest("max", x, axis, options.keepDims ?? false);
  const { shape } = x;
  return record("max", values, { inputs: [x], saved: [indices] }, (dy, [indices]) => {
    const dx = Tensor.empty(shape, dy);
    dy.backend.maxBackward(dx.viewAs(inputShape), dy, indices, along);
    return [dx];
  });
}

/**
 * Where the largest element along an axis is: the first of equals.
 *
 * @param x any shape, float32 or bfloat16
 * @param axis the axis that is searched; all elements, one after the other, by default
 * @param options `keepDims`: leave the axis in the shape, with size 1 (default false)
 * @returns int32, x's shape without the axis
 */
export function argmax(x: Tensor, axis?: number, options: { keepDims?: boolean } = {}): Tensor {
  const { indices } = largest("argmax", x, axis, options.keepDims ?? false);
  indices.madeBy = "argmax";
  return indices;
}

function largest(op: string, x: Tensor, axis: number | undefined, keepDims: boolean) {
  expectFloat(op, "x", x);
  const inputShape = axis === undefined ? [sizeOf(x.shape)] : x.shape;
  const along = axis === undefined ? 0 : resolveAxis(op, x, axis);
  if (inputShape[along] === 0) {
    throw new EngineError(op, `x has shape ${shapeText(x.shape)}`, "Nothing has no largest element: leave it out.");
  }
  const reduced = axis === undefined ? x.shape.map((_, d) => d) : [along];
  const shape = x.shape.flatMap((size, d) => (reduced.includes(d) ? (keepDims ? [1] : []) : [size]));
  const values = Tensor.empty(shape, x);
  const indices = Tensor.empty(shape, x, "int32");
  x.backend.maxForward(values, indices, contiguous(x).viewAs(inputShape), along);
  return { values, indices, inputShape, along };
}
