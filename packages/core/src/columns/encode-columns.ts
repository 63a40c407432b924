import { split } from "../ops/split.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { encodeInPieces } from "../trainer/encode-in-pieces.ts";
import type { LossPass } from "../trainer/loss.ts";
import type { Columns } from "./columns.ts";
import type { TextEncoder } from "./text-encoder.ts";

/**
 * The rows of a batch's columns: one forward pass, or in pieces of `maxTokensPerMicroBatch` with the gradient of the
 * whole.
 *
 * @returns for each column `[rows, D]`
 */
export function encodeColumns(model: TextEncoder, batch: Columns, pass: LossPass = {}): Tensor[] {
  const rows = encodeInPieces(batch, (piece, options) => model.forward(piece, options), pass);
  return split(rows, batch.columns);
}
