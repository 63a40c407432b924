/** A process of its own that trains a retriever of random weights and says how long the steps took: its argument is a `Task`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadDataset, memoryStats } from "@ettin/core";
import {
  CachedMultipleNegativesRankingLoss,
  MultipleNegativesRankingLoss,
  SentenceTransformer,
  SentenceTransformerTrainer,
} from "@ettin/dense";
import { peakMemory } from "./peak-memory.mjs";

export interface Task {
  /** Of the encoder and its tokenizer. */
  folder: string;
  dtype: "float32" | "bfloat16";
  /** Rows `{"query", "positive"}`. */
  data: string;
  /** Pairs of a step. */
  batch: number;
  /** Texts that are encoded at once, of the cached loss; without it the plain one. */
  miniBatch?: number;
  /** Steps before the clock starts. */
  warmup: number;
  steps: number;
  maxLength: number;
}

export interface Report {
  /** Of each step after the warm-up. */
  seconds: number[];
  /** Tokens of these steps. */
  tokens: number[];
  loss: number;
  /** Megabytes of the process. */
  peak: number;
  /** Megabytes of storages at their peak. */
  storages: number;
}

const task = JSON.parse(process.argv[2]!) as Task;
const { batch, warmup, steps, miniBatch } = task;
const model = await SentenceTransformer.fromPretrained(task.folder);
model.maxSeqLength = task.maxLength;
const rows = (await loadDataset(task.data)).take(batch * (warmup + steps)).selectColumns(["query", "positive"]);
const loss = miniBatch
  ? new CachedMultipleNegativesRankingLoss(model, { miniBatchSize: miniBatch })
  : new MultipleNegativesRankingLoss(model);
const outputDir = mkdtempSync(join(tmpdir(), "ettin-train-"));
const trainer = new SentenceTransformerTrainer({
  model,
  trainDataset: rows,
  loss,
  args: {
    outputDir,
    perDeviceTrainBatchSize: batch,
    numTrainEpochs: 1,
    learningRate: 1e-5,
    bf16: task.dtype === "bfloat16",
    saveStrategy: "no",
    report: [],
  },
});
const report: Report = { seconds: [], tokens: [], loss: 0, peak: 0, storages: 0 };
for await (const { step, loss, tokens, seconds } of trainer.steps()) {
  report.loss = loss;
  if (step <= warmup) continue;
  report.seconds.push(seconds);
  report.tokens.push(tokens);
}
rmSync(outputDir, { recursive: true, force: true });
report.peak = peakMemory();
report.storages = memoryStats().peak / 1e6;
console.log(JSON.stringify(report));
