import type { TrainerCallback } from "@ettin/core";
import type { TokenTask } from "../batch.ts";
import type { TokenCollator } from "../objectives/collator.ts";
import { type DataOrderOptions, DataOrderWriter } from "./data-order.ts";

/**
 * Records what a trainer sees: wrap its collator, and give it the callback. A sequence is recorded as the model has it, with
 * its first and last special token and cut to `maxSeqLen`, but before masking.
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
  collator(collator: TokenCollator): TokenCollator;
  readonly callback: TrainerCallback;
} {
  /** Sequences by step, also of the step that is made ahead. */
  const ahead = new Map<number, Int32Array[]>();
  let writer: DataOrderWriter | null = null;
  return {
    collator: (collator) => async (rows, at) => {
      const task = await collator(rows, at);
      const step = at.step + 1;
      ahead.set(step, [...(ahead.get(step) ?? []), ...sequencesOf(task)]);
      return task;
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

function sequencesOf({ tokens, offsets, unmasked = tokens }: TokenTask): Int32Array[] {
  return Array.from({ length: offsets.length - 1 }, (_, i) => unmasked.slice(offsets[i]!, offsets[i + 1]!));
}
