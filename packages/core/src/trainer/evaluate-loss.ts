import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Collator, RowSource, Sized } from "./collator.ts";
import type { Loss } from "./loss.ts";
import { piecesOf, totalOf, weightOf } from "./train-step.ts";

export interface EvaluateLossOptions<R, Batch extends Sized> {
  readonly dataset: RowSource<R>;
  readonly collator: Collator<R, Batch>;
  readonly loss: Loss<Batch>;
  readonly batchSize: number;
  readonly seed: number;
  readonly maxTokensPerMicroBatch: number | null;
  /** Called after each batch; true ends the evaluation without a result. */
  readonly onBatch?: (done: number, total: number) => boolean | Promise<boolean>;
}

/** Means over a dataset. */
export interface EvaluatedLoss {
  readonly loss: number;
  /** The parts of a loss that has named ones. */
  readonly losses: Readonly<Record<string, number>>;
  readonly batches: number;
}

/**
 * The mean loss of a dataset, in its order, without dropout and without a tape: weighted by the loss's own weight, else by
 * rows. While one batch is computed the next is prepared.
 *
 * @returns null where `onBatch` ended it
 */
export async function evaluateLoss<R, Batch extends Sized>(
  options: EvaluateLossOptions<R, Batch>,
): Promise<EvaluatedLoss | null> {
  const { dataset, collator, loss, batchSize, seed, onBatch } = options;
  const total = Math.ceil(dataset.length / batchSize);
  const sums = new Map<string, number>();
  let whole = 0;
  let running: Promise<void> = Promise.resolve();
  for (let step = 0; step < total; step++) {
    const first = step * batchSize;
    const count = Math.min(batchSize, dataset.length - first);
    const rows = dataset.rows(Int32Array.from({ length: count }, (_, i) => first + i));
    const batch = await collator(rows, { seed, epoch: 0, step, firstSequence: 0 });
    const weight = weightOf(loss, batch, count);
    await running;
    if (weight > 0) {
      whole += weight;
      running = forwardPieces(batch, options).then((values) => {
        for (const [name, value] of values) sums.set(name, (sums.get(name) ?? 0) + weight * value);
      });
      running.catch(() => {}); // awaited a batch later, or below
    }
    if (await onBatch?.(step + 1, total)) {
      await running;
      return null;
    }
  }
  await running;
  const mean = (name: string) => (whole > 0 ? (sums.get(name) ?? 0) / whole : Number.NaN);
  const parts = [...sums.keys()].filter((name) => name !== TOTAL);
  return {
    loss: mean(TOTAL),
    losses: Object.fromEntries(parts.map((name) => [name, mean(name)])),
    batches: total,
  };
}

/** The key of the whole loss: no name that a loss may give. */
const TOTAL = "";

/** A batch's loss and its parts. Enqueued at the call. */
async function forwardPieces<R, Batch extends Sized>(
  batch: Batch,
  { loss, maxTokensPerMicroBatch: limit }: EvaluateLossOptions<R, Batch>,
): Promise<Map<string, number>> {
  const reads: { name: string; share: number; value: Promise<number> }[] = [];
  for (const { piece } of piecesOf(loss, batch, limit, 0)) {
    const read = (name: string, x: Tensor) => reads.push({ name, share: piece.share, value: x.item() });
    tensorScope(() =>
      noGrad(() => {
        const { total, parts } = totalOf(
          loss.forward(piece.batch, limit === null ? {} : { maxTokensPerMicroBatch: limit }),
        );
        read(TOTAL, total);
        for (const [name, part] of parts) read(name, part);
      }),
    );
  }
  const sums = new Map<string, number>();
  for (const { name, share, value } of reads) sums.set(name, (sums.get(name) ?? 0) + share * (await value));
  return sums;
}
