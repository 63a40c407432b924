import { EngineError, expectDtype, expectSameDevice, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Takes elements of each row by number: `y[n, j] = x[n, indices[n, j]]`. Gradients of one element add up, in order.
 *
 * @param x `[…, C]` float32, bfloat16 or int32
 * @param indices `[…, K]` int32, each from 0 to C − 1; another number fails the kernel
 * @returns `[…, K]`
 */
export function takeAlong(x: Tensor, indices: Tensor): Tensor {
  expectDtype("takeAlong", "x", x, "float32", "bfloat16", "int32");
  expectIndices("takeAlong", x, indices);
  const places = contiguous(indices);
  const y = Tensor.empty(indices.shape, x);
  x.backend.takeAlong(y, contiguous(x), places);
  const { shape } = x;
  return record("takeAlong", y, { inputs: [x], saved: [places] }, (dy, [indices]) => {
    const dx = Tensor.empty(shape, dy);
    dy.backend.putAlong(dx, dy, indices);
    return [dx];
  });
}

/** Checks that indices have the rows of x. */
export function expectIndices(op: string, x: Tensor, indices: Tensor): void {
  expectDtype(op, "indices", indices, "int32");
  expectSameDevice(op, { x, indices });
  const dims = x.shape.length;
  if (
    dims === 0 ||
    indices.shape.length !== dims ||
    x.shape.slice(0, -1).some((size, d) => size !== indices.shape[d])
  ) {
    throw new EngineError(
      op,
      `x has shape ${shapeText(x.shape)}, but indices have ${shapeText(indices.shape)}`,
      "Pass indices of x's shape, in which only the last size may differ.",
    );
  }
}
