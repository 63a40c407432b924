import type { Columns } from "../columns/columns.ts";
import { EngineError, expectShape, shapeText } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What a loss needs of the input columns. */
export interface ColumnNeeds {
  readonly least: number;
  /** @default any number */
  readonly most?: number;
  /** What they stand for, in order: "anchor, positive, then any negatives". */
  readonly roles: string;
}

/**
 * Checks the columns' number, and that their embeddings are alike.
 *
 * @param columns one `[rows, dim]` per input column
 * @returns the rows and the dimension that all of them have
 */
export function expectColumns(
  where: string,
  columns: readonly Tensor[],
  batch: Pick<Columns, "names">,
  { least, most = Number.POSITIVE_INFINITY, roles }: ColumnNeeds,
): { rows: number; dim: number } {
  if (columns.length < least || columns.length > most) {
    const names = batch.names.map((name) => JSON.stringify(name)).join(", ");
    throw new EngineError(
      where,
      `${columns.length} input column${columns.length === 1 ? "" : "s"}${names && ` (${names})`}, but ${needed(least, most)}: ${roles}`,
      "Select and order the dataset's columns: what counts is their order, and the label column is left out.",
    );
  }
  const [rows, dim] = expectShape(where, "embeddings of column 0", columns[0]!, ["rows", "dim"]);
  for (const [i, column] of columns.entries()) {
    if (column.shape.length === 2 && column.shape[0] === rows && column.shape[1] === dim) continue;
    throw new EngineError(
      where,
      `embeddings of column ${i} are ${shapeText(column.shape)}, but those of column 0 ${shapeText([rows, dim])}`,
      "Each row has one text in each column, encoded by one model.",
    );
  }
  if (rows === 0) throw new EngineError(where, "the batch has no rows", "Leave empty batches out.");
  return { rows, dim };
}

function needed(least: number, most: number): string {
  if (most === least) return `${least} ${least === 1 ? "is" : "are"} needed`;
  return Number.isFinite(most) ? `${least} to ${most} are needed` : `${least} or more are needed`;
}
