import { EngineError, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { sizeOf } from "../tensor/shape.ts";
import { record } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * The same elements in the same order under another shape. A view where x is contiguous, else a copy.
 *
 * @param shape one size may be −1: what is left
 */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const known = sizeOf(shape.filter((size) => size !== -1));
  const left = known === 0 ? 0 : x.size / known;
  const full = shape.map((size) => (size === -1 ? left : size));
  if (sizeOf(full) !== x.size || full.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    throw new EngineError(
      "reshape",
      `x ${shapeText(x.shape)} has ${x.size} elements, which do not fill ${shapeText(shape)}`,
      "Pass sizes whose product is x's; one of them may be -1.",
    );
  }
  const y = contiguous(x).viewAs(full);
  return record("reshape", y, { inputs: [x], saved: [] }, (dy) => [dy.viewAs(x.shape)]);
}
