import { EngineError, shapeText } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { resolveAxis } from "./axes.ts";

/**
 * Entries `start` to `end − 1` along an axis. A view; the gradient is zero elsewhere. To cut a whole tensor into pieces,
 * `split` is cheaper.
 *
 * @param start negative numbers count from the end, as in `Array.slice`
 * @param end @default the axis's size
 * @param axis @default 0
 */
export function slice(x: Tensor, start: number, end?: number, axis = 0): Tensor {
  const along = resolveAxis("slice", x, axis);
  const size = x.shape[along]!;
  const place = (at: number) => (at < 0 ? at + size : at);
  const [first, last] = [place(start), place(end ?? size)];
  if (!Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last > size || first > last) {
    throw new EngineError(
      "slice",
      `${start} to ${end ?? size} along axis ${axis} of x ${shapeText(x.shape)}`,
      `Stay between 0 and ${size}, with start no larger than end.`,
    );
  }
  return record("slice", part(x, along, first, last - first), { inputs: [x], saved: [] }, (dy) => {
    const dx = Tensor.full(x.shape, 0, dy);
    dy.backend.copyInto(dx, dy, along, first);
    return [dx];
  });
}

/** `count` entries from `start` on along an axis: a view, off the tape. */
export function part(x: Tensor, axis: number, start: number, count: number): Tensor {
  const shape = x.shape.map((size, d) => (d === axis ? count : size));
  return x.viewAs(shape, x.strides, x.offset + start * x.strides[axis]!);
}
