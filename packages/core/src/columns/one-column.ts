import { packedPiece } from "../trainer/encode-in-pieces.ts";
import type { LossPass } from "../trainer/loss.ts";
import type { Columns } from "./columns.ts";

/**
 * One column of a batch as a batch of its own, with the pass in which its texts keep their numbers: where columns go
 * through different models.
 */
export function oneColumn(batch: Columns, column: number, pass: LossPass = {}): { batch: Columns; pass: LossPass } {
  const { columns, names, texts, labels, datasetName } = batch;
  const first = columns.slice(0, column).reduce((sum, rows) => sum + rows, 0);
  const rows = columns[column]!;
  const piece = packedPiece(batch, first, first + rows);
  const { dropout, ...limits } = pass;
  const { firstSequence = 0, sequences } = dropout ?? {};
  return {
    batch: {
      ...piece,
      columns: [rows],
      names: names.slice(column, column + 1),
      texts: texts.slice(column, column + 1),
      labels,
      datasetName,
      tokenCount: piece.tokens.length,
      sequenceCount: rows,
    },
    pass: {
      ...limits,
      ...(dropout && {
        dropout: {
          ...dropout,
          firstSequence: firstSequence + first,
          ...(sequences && { sequences: sequences.slice(first, first + rows) }),
        },
      }),
    },
  };
}
