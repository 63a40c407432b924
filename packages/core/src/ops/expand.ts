import { EngineError, shapeText } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { broadcastShape, expandTo, reduceTo } from "./broadcast.ts";

/**
 * Repeats x along dimensions of size 1, and along new ones in front, without copying. The gradient is summed over the
 * repetitions.
 *
 * @param shape what x is stretched to by the broadcasting rule
 */
export function expand(x: Tensor, shape: readonly number[]): Tensor {
  const together = broadcastShape("expand", [x.shape, shape]);
  if (together.length !== shape.length || together.some((size, d) => size !== shape[d])) {
    throw new EngineError(
      "expand",
      `x has shape ${shapeText(x.shape)}, which does not stretch to ${shapeText(shape)}`,
      "Only dimensions of size 1 stretch.",
    );
  }
  return record("expand", expandTo(x, shape), { inputs: [x], saved: [] }, (dy) => [reduceTo(dy, x.shape)]);
}
