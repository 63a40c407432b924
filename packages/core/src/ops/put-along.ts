import { EngineError, expectFloat, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { expectIndices } from "./take-along.ts";

/**
 * Adds elements to where their numbers say, row by row: `y[n, indices[n, j]] += x[n, j]` in the order of j, from zeros.
 * The inverse of `takeAlong`.
 *
 * @param x `[…, K]` float32 or bfloat16; sums are float32 and rounded once
 * @param indices `[…, K]` int32, each from 0 to size − 1; another number fails the kernel
 * @param size the last size of the result
 * @returns `[…, size]`
 */
export function putAlong(x: Tensor, indices: Tensor, size: number): Tensor {
  expectFloat("putAlong", "x", x);
  expectIndices("putAlong", x, indices);
  if (indices.shape.at(-1) !== x.shape.at(-1)) {
    throw new EngineError(
      "putAlong",
      `x has shape ${shapeText(x.shape)}, but indices have ${shapeText(indices.shape)}`,
      "Pass one number for each element of x.",
    );
  }
  const places = contiguous(indices);
  const y = Tensor.empty([...x.shape.slice(0, -1), size], x);
  x.backend.putAlong(y, contiguous(x), places);
  const { shape } = x;
  return record("putAlong", y, { inputs: [x], saved: [places] }, (dy, [indices]) => {
    const dx = Tensor.empty(shape, dy);
    dy.backend.takeAlong(dx, dy, indices);
    return [dx];
  });
}
