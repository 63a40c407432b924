import { EngineError, shapeText } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { resolveAxis } from "./axes.ts";
import { part } from "./slice.ts";

/**
 * Cuts a tensor into pieces along an axis: views. Their gradients come back in one tensor.
 *
 * @param sizes one per piece; they add up to the axis's size
 * @param axis @default 0
 */
export function split(x: Tensor, sizes: readonly number[], axis = 0): Tensor[] {
  const along = resolveAxis("split", x, axis);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== x.shape[along] || sizes.some((size) => !Number.isInteger(size) || size < 0)) {
    throw new EngineError(
      "split",
      `sizes ${shapeText(sizes)} add up to ${total}, but axis ${axis} of x ${shapeText(x.shape)} has ${x.shape[along]}`,
      "Pass one whole number per piece, with that sum.",
    );
  }
  const starts = startsOf(sizes);
  const pieces = sizes.map((size, i) => part(x, along, starts[i]!, size));
  record("split", pieces, { inputs: [x], saved: [] }, (dys) => {
    const like = dys.find((dy) => dy !== null)!;
    const dx = dys.some((dy) => dy === null) ? Tensor.full(x.shape, 0, like) : Tensor.empty(x.shape, like);
    dys.forEach((dy, i) => {
      if (dy) dx.backend.copyInto(dx, dy, along, starts[i]!);
    });
    return [dx];
  });
  return pieces;
}

/** Where each piece begins when they lie one after the other. */
export function startsOf(sizes: readonly number[]): number[] {
  let next = 0;
  return sizes.map((size) => {
    const start = next;
    next += size;
    return start;
  });
}
