import { EngineError } from "../errors.ts";
import { split } from "../ops/split.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { encodeInPieces } from "../trainer/encode-in-pieces.ts";
import type { LossPass } from "../trainer/loss.ts";
import type { Columns } from "./columns.ts";
import type { TextEncoder } from "./text-encoder.ts";

/**
 * The rows of a batch's columns: one forward pass, or in pieces within the pass's limits with the gradient of the whole.
 *
 * @returns for each column `[rows, D]`
 * @throws EngineError for a text without tokens, which has no embedding
 */
export function encodeColumns(model: TextEncoder, batch: Columns, pass: LossPass = {}): Tensor[] {
  refuseEmptyTexts(batch);
  const rows = encodeInPieces(batch, (piece, options) => model.forward(piece, options), pass);
  return split(rows, batch.columns);
}

/** Throws for a text without tokens. */
export function refuseEmptyTexts({ offsets, columns, names, texts }: Columns): void {
  let text = 0;
  for (const [column, rows] of columns.entries()) {
    for (let row = 0; row < rows; row++, text++) {
      if (offsets[text + 1]! > offsets[text]!) continue;
      throw new EngineError(
        "encodeColumns",
        `row ${row} of the batch has no tokens in column "${names[column] ?? column}": ${JSON.stringify(texts[column]?.[row] ?? "")}`,
        "Drop rows with empty texts: dataset.filter((row) => …).",
      );
    }
  }
}
