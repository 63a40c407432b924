import { EngineError, expectDtype, expectFloat, expectSameDevice, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Adds rows to where their numbers say: `y[rows[i]] += x[i]` in the order of i, from zeros. The inverse of `gather`.
 *
 * @param x `[R, …]` float32 or bfloat16; sums are float32 and rounded once
 * @param rows `[R]` int32, each from 0 to size − 1; another number fails the kernel
 * @param size rows of the result
 * @returns `[size, …]`
 */
export function scatterAdd(x: Tensor, rows: Tensor, size: number): Tensor {
  expectFloat("scatterAdd", "x", x);
  expectSameDevice("scatterAdd", { x, rows });
  expectDtype("scatterAdd", "rows", rows, "int32");
  if (x.shape.length === 0 || rows.shape.length !== 1 || rows.shape[0] !== x.shape[0]) {
    throw new EngineError(
      "scatterAdd",
      `x has shape ${shapeText(x.shape)} and rows ${shapeText(rows.shape)}`,
      "Pass one number for each row of x.",
    );
  }
  const numbers = contiguous(rows);
  const y = Tensor.empty([size, ...x.shape.slice(1)], x);
  x.backend.scatterAdd(y, contiguous(x), numbers);
  const { shape } = x;
  return record("scatterAdd", y, { inputs: [x], saved: [numbers] }, (dy, [rows]) => {
    const dx = Tensor.empty(shape, dy);
    dy.backend.gather(dx, dy, rows);
    return [dx];
  });
}
