import { EngineError, expectDtype, expectSameDevice, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Takes rows by number: `y[i] = x[rows[i]]`. A row may be taken more than once; its gradients add up, in order.
 *
 * @param x `[N, …]` of any dtype
 * @param rows `[R]` int32, each from 0 to N − 1; another number fails the kernel
 * @returns `[R, …]`
 */
export function gather(x: Tensor, rows: Tensor): Tensor {
  expectSameDevice("gather", { x, rows });
  expectDtype("gather", "rows", rows, "int32");
  if (x.shape.length === 0 || rows.shape.length !== 1) {
    throw new EngineError(
      "gather",
      `x has shape ${shapeText(x.shape)} and rows ${shapeText(rows.shape)}`,
      "Pass x with at least one dimension and rows with one.",
    );
  }
  const numbers = contiguous(rows);
  const y = Tensor.empty([rows.shape[0]!, ...x.shape.slice(1)], x);
  x.backend.gather(y, contiguous(x), numbers);
  const { shape } = x;
  return record("gather", y, { inputs: [x], saved: [numbers] }, (dy, [rows]) => {
    const dx = Tensor.empty(shape, dy);
    dy.backend.scatterAdd(dx, dy, rows);
    return [dx];
  });
}
