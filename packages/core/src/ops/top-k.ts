import { EngineError, expectFloat, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * The k largest elements of each row, in descending order; of equals the lower index comes first. A NaN counts as the
 * largest. Gradients of the values go back to where they came from.
 *
 * @param x `[…, n]` float32 or bfloat16
 * @param k from 0 to n
 * @returns `values` `[…, k]` and `indices` `[…, k]` int32
 */
export function topK(x: Tensor, k: number): { values: Tensor; indices: Tensor } {
  expectFloat("topK", "x", x);
  const n = x.shape.at(-1);
  if (n === undefined || !Number.isInteger(k) || k < 0 || k > n) {
    throw new EngineError(
      "topK",
      `k is ${k}, but x has shape ${shapeText(x.shape)}`,
      "Pass k from 0 to the last size.",
    );
  }
  const shape = [...x.shape.slice(0, -1), k];
  const values = Tensor.empty(shape, x);
  const indices = Tensor.empty(shape, x, "int32");
  x.backend.topK(values, indices, contiguous(x), k);
  indices.madeBy = "topK";
  const { shape: whole } = x;
  record("topK", values, { inputs: [x], saved: [indices] }, (dy, [indices]) => {
    const dx = Tensor.empty(whole, dy);
    dy.backend.putAlong(dx, dy, indices);
    return [dx];
  });
  return { values, indices };
}
