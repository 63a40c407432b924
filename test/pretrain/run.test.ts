/** Whole runs by the trainer, with masks that are drawn, packed batches, and dropout. */
import { join } from "node:path";
import {
  type BatchSampler,
  Dataset,
  type LanguageModel,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  type Row,
  Trainer,
  type TrainingArguments,
} from "@ettin/core";
import {
  LanguageModelingLoss,
  languageModelEvaluator,
  type Objective,
  objectiveCollator,
  packedBatchSampler,
  type TokenTask,
} from "@ettin/pretrain";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/folder.ts";
import { tokenizer } from "./token-ids.ts";

const shape = {
  vocabSize: 64,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 3,
  numAttentionHeads: 1,
  maxPositionEmbeddings: 64,
  localAttention: 8,
};

/** Counting rows: each id is followed by the next one. */
const rows = Array.from({ length: 48 }, (_, b) => ({
  input_ids: Array.from({ length: 4 + ((b * 7) % 20) }, (_, t) => 5 + ((b * 13 + t) % 59)),
}));
const length = (row: number) => rows[row]!.input_ids.length + 2;
const inOrder: BatchSampler = {
  batchesPerEpoch: 6,
  *batches(epoch: number) {
    for (let b = 0; b < 6; b++) yield Array.from({ length: 8 }, (_, i) => (b * 8 + i + 5 * epoch) % 48);
  },
};
const packed = packedBatchSampler({ source: inOrder, length, batchSize: 8, microBatchSize: 4, maxSeqLen: 26 });

function trainerOf(objective: Objective, args: Partial<TrainingArguments>, batchSampler = inOrder) {
  const Model = objective === "clm" ? ModernBertDecoderForCausalLM : ModernBertForMaskedLM;
  const model: LanguageModel = Model.fromConfig(shape, { seed: 1 });
  const trainer = new Trainer<Row, TokenTask, LanguageModel>({
    model,
    trainDataset: Dataset.fromRows(rows),
    batchSampler,
    collator: objectiveCollator(objective, { tokenizer, probability: 0.3 }),
    loss: new LanguageModelingLoss(model, { dropout: { attentionOutput: 0.1 } }),
    evaluator: languageModelEvaluator(rows, { objective, tokenizer }),
    args: { outputDir: join(temporaryFolder(), "run"), learningRate: 3e-3, report: [], ...args },
  });
  return { model, trainer };
}

async function losses(objective: Objective, args: Partial<TrainingArguments>, sampler = inOrder): Promise<number[]> {
  const { model, trainer } = trainerOf(objective, args, sampler);
  const found: number[] = [];
  for await (const { loss } of trainer.steps()) found.push(loss);
  model.dispose();
  return found;
}

describe.each(["mlm", "clm", "mntp"] as const)("a run of %s", (objective) => {
  test("learns to count, as its evaluator tells", async () => {
    const { model, trainer } = trainerOf(objective, { maxSteps: 300, saveStrategy: "no" }, packed);
    const before = await trainer.evaluate();
    await trainer.train();
    const after = await trainer.evaluate();
    expect(before.eval_loss).toBeGreaterThan(4);
    expect(before.eval_accuracy).toBeLessThan(0.1);
    expect(after.eval_loss).toBeLessThan(2);
    expect(after.eval_accuracy).toBeGreaterThan(0.5);
    expect(after.eval_perplexity).toBe(Math.exp(after.eval_loss!));
    model.dispose();
  });

  test("that was stopped goes on to the same losses", async () => {
    const args = { maxSteps: 8, saveSteps: 5, loggingSteps: 1 };
    const whole = await losses(objective, args, packed);
    const outputDir = join(temporaryFolder(), "stopped");
    const first = trainerOf(objective, { ...args, outputDir }, packed);
    const found: number[] = [];
    for await (const { loss, step } of first.trainer.steps()) {
      found.push(loss);
      if (step < 5) continue;
      await first.trainer.saveCheckpoint();
      break;
    }
    const second = trainerOf(objective, { ...args, outputDir }, packed);
    for await (const { loss } of second.trainer.steps({ resumeFromCheckpoint: true })) found.push(loss);
    expect(found).toEqual(whole);
    first.model.dispose();
    second.model.dispose();
  });

  test("has the same masks and losses when its batches are halved", async () => {
    const halves: BatchSampler = {
      batchesPerEpoch: 12,
      *batches(epoch: number) {
        for (const batch of inOrder.batches(epoch)) yield* [batch.slice(0, 4), batch.slice(4)];
      },
    };
    const whole = await losses(objective, { maxSteps: 10 });
    const halved = await losses(objective, { maxSteps: 10, gradientAccumulationSteps: 2 }, halves);
    for (const [step, loss] of halved.entries()) expect(Math.abs(loss / whole[step]! - 1)).toBeLessThan(1e-5);
  });
});
