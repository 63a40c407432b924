import { EngineError, expectShape } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";
import { reshape } from "./reshape.ts";
import { takeAlong } from "./take-along.ts";

/**
 * One element of each row, moving on by one column from row to row: `y[i] = x[i, first + i]`.
 *
 * @param x `[rows, columns]` float32, bfloat16 or int32
 * @param first the first row's column (default 0)
 * @returns `[rows]`
 */
export function diagonal(x: Tensor, first = 0): Tensor {
  const [rows, columns] = expectShape("diagonal", "x", x, ["rows", "columns"]);
  if (!Number.isInteger(first) || first < 0 || first + rows > columns) {
    throw new EngineError(
      "diagonal",
      `${rows} rows from column ${first} on, but x has ${columns} columns`,
      "Each row needs a column of its own.",
    );
  }
  const places = Int32Array.from({ length: rows }, (_, row) => first + row);
  return reshape(takeAlong(x, Tensor.from(places, { shape: [rows, 1], device: x.device })), [rows]);
}
