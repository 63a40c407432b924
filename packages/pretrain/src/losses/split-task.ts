import { type LossPiece, packedPiece, sequenceRanges } from "@ettin/core";
import { type TokenTask, tokenTask } from "../batch.ts";

/**
 * Cuts a batch between sequences into pieces of at most `maxTokens`; a longer sequence is a piece of its own. A piece's
 * share is its part of the targets: 0 for one that has none and need not run.
 */
export function splitTask(batch: TokenTask, maxTokens: number): LossPiece<TokenTask>[] {
  const { rows, ids } = batch.targets;
  let target = 0;
  return sequenceRanges(batch.offsets, maxTokens).map(([first, end]) => {
    const [start, stop] = [batch.offsets[first]!, batch.offsets[end]!];
    const firstTarget = target;
    while (target < rows.length && rows[target]! < stop) target++;
    const targets = {
      rows: rows.slice(firstTarget, target).map((row) => row - start),
      ids: ids.slice(firstTarget, target),
    };
    return {
      batch: tokenTask(batch.objective, packedPiece(batch, first, end), targets),
      share: rows.length > 0 ? (target - firstTarget) / rows.length : 0,
      sequences: end - first,
    };
  });
}
