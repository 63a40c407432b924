import type { PackedTokens, TrainerCallback } from "@ettin/core";
import type { TokenCollator } from "../objectives/collator.ts";
import { type SequenceOptions, sequencer } from "../objectives/sequences.ts";
import { type DataOrderPhase, DataOrderWriter } from "../prepare/data-order.ts";

/** Writes down what each step of a phase is trained on. */
export interface OrderRecorder {
  /** Sees the rows of each step on their way to the objective's collator. */
  collator(next: TokenCollator): TokenCollator;
  /** Comes after the callback that decides about checkpoints: its files end where those do. */
  readonly callback: TrainerCallback;
}

export function recordOrder(
  folder: string,
  phase: DataOrderPhase,
  sequences: SequenceOptions,
  encoder: boolean,
): OrderRecorder {
  const pack = sequencer("runRecipe", sequences, encoder);
  /** Batches that were made, by the steps that they are for; steps are prepared one ahead. */
  const made = new Map<number, PackedTokens[]>();
  let writer: DataOrderWriter | null = null;

  return {
    collator: (next) => async (rows, at) => {
      const batches = made.get(at.step) ?? [];
      made.set(at.step, batches);
      batches.push(await pack(rows, at));
      return next(rows, at);
    },
    callback: {
      async onTrainBegin(_args, state) {
        writer = await DataOrderWriter.open(folder, { phase, lastStep: state.globalStep });
      },
      async onStepEnd(_args, _state, control, { step }) {
        await writer?.add(step, joined(made.get(step - 1) ?? []));
        made.delete(step - 1);
        if (control.shouldSave) await writer?.endCheckpoint(); // a checkpoint never knows of steps that this does not
      },
      async onSave() {
        await writer?.endCheckpoint();
      },
      async onClose() {
        await writer?.endCheckpoint(); // after an error: the next start removes what no checkpoint knows of
        writer = null;
      },
    },
  };
}

/** The sequences of all batches of a step. */
function joined(batches: readonly PackedTokens[]): { tokens: Int32Array; offsets: Int32Array } {
  const tokens = new Int32Array(batches.reduce((sum, batch) => sum + batch.tokens.length, 0));
  const offsets = [0];
  let first = 0;
  for (const batch of batches) {
    tokens.set(batch.tokens, first);
    for (const offset of batch.offsets.subarray(1)) offsets.push(first + offset);
    first += batch.tokens.length;
  }
  return { tokens, offsets: Int32Array.from(offsets) };
}
