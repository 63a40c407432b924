import { type Collator, EngineError, type TrainerCallback } from "@ettin/core";
import { type DataOrderOptions, DataOrderWriter } from "./data-order.ts";

/** The columns of tokens that rows may have, as the objectives' collators read them. */
interface TokenRow {
  readonly input_ids?: ArrayLike<number>;
  readonly ids?: ArrayLike<number>;
}

/**
 * Records what a trainer sees: wrap its collator, and give it the callback.
 *
 *     const order = recordDataOrder(folder, { phase: "pretraining" });
 *     new Trainer({ collator: order.collator(collator), callbacks: [order.callback], … });
 *
 * A step's rows are on the disk before its checkpoint is, so that a run that goes on has all of them. Not for a trainer
 * with an evalDataset, whose batches the collator makes too.
 */
export function recordDataOrder(
  folder: string,
  options: Omit<DataOrderOptions, "lastStep">,
): {
  collator<R extends object, Batch>(collator: Collator<R, Batch>): Collator<R, Batch>;
  readonly callback: TrainerCallback;
} {
  /** Rows by step, also of the step that is made ahead. */
  const ahead = new Map<number, ArrayLike<number>[]>();
  let writer: DataOrderWriter | null = null;
  return {
    collator: (collator) => (rows, at) => {
      const step = at.step + 1;
      const sequences = ahead.get(step) ?? [];
      for (const row of rows as readonly TokenRow[]) sequences.push(row.input_ids ?? row.ids ?? noIds());
      ahead.set(step, sequences);
      return collator(rows, at);
    },
    callback: {
      async onTrainBegin(_args, { globalStep }) {
        writer = await DataOrderWriter.open(folder, { ...options, lastStep: globalStep });
      },
      async onStepEnd(_args, { globalStep }) {
        await writer?.add(globalStep, ahead.get(globalStep) ?? []);
        ahead.delete(globalStep);
      },
      async onSave() {
        await writer?.endCheckpoint();
      },
      async onClose() {
        await writer?.close();
        writer = null;
      },
    },
  };
}

function noIds(): never {
  throw new EngineError("recordDataOrder", "the rows have no input_ids", "Encode the texts beforehand.");
}
