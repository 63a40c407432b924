/** A process of its own that trains a model of random weights and says how long the steps took: its argument is a `Task`. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModernBertDecoderForCausalLM, ModernBertForMaskedLM, memoryStats, Trainer } from "@ettin/core";
import { ettinTokenIds, LanguageModelingLoss, objectiveCollator } from "@ettin/pretrain";
import { peakMemory } from "./peak-memory.mjs";

export interface Task {
  objective: "mlm" | "clm";
  size: string;
  dtype: "float32" | "bfloat16";
  /** A JSON file: for each step an array of sequences of ids. */
  batches: string;
  /** Steps before the clock starts. */
  warmup: number;
  gradientCheckpointing: boolean;
}

export interface Report {
  /** Of each step after the warm-up. */
  seconds: number[];
  /** Real tokens of these steps. */
  tokens: number[];
  /** Scored tokens of these steps. */
  targets: number[];
  /** Σ of squared sequence lengths, of these steps. */
  squares: number[];
  loss: number;
  /** Megabytes of the process. */
  peak: number;
  /** Megabytes of storages at their peak. */
  storages: number;
  notices: string[];
}

const task = JSON.parse(process.argv[2]!) as Task;
const steps = JSON.parse(readFileSync(task.batches, "utf8")) as number[][][];
const rows = steps.flat().map((input_ids) => ({ input_ids }));
const model =
  task.objective === "mlm"
    ? ModernBertForMaskedLM.fromConfig(`ettin-encoder-${task.size}`)
    : ModernBertDecoderForCausalLM.fromConfig(`ettin-decoder-${task.size}`);

const report: Report = {
  seconds: [],
  tokens: [],
  targets: [],
  squares: [],
  loss: 0,
  peak: 0,
  storages: 0,
  notices: [],
};
const outputDir = mkdtempSync(join(tmpdir(), "ettin-train-"));
const collate = objectiveCollator(task.objective, { tokenizer: ettinTokenIds, probability: 0.3 });
const size = steps[0]!.length;
const trainer = new Trainer({
  model,
  args: {
    outputDir,
    perDeviceTrainBatchSize: size,
    numTrainEpochs: 1,
    learningRate: 1e-5,
    bf16: task.dtype === "bfloat16",
    gradientCheckpointing: task.gradientCheckpointing,
    saveStrategy: "no",
    report: [],
  },
  trainDataset: { length: rows.length, rows: (indices) => Array.from(indices, (i) => rows[i]!) },
  batchSampler: {
    *batches() {
      for (let first = 0; first < rows.length; first += size) yield Array.from({ length: size }, (_, i) => first + i);
    },
    batchesPerEpoch: steps.length,
  },
  collator: async (given, at) => {
    const batch = await collate(given, at);
    if (at.step >= task.warmup) report.targets.push(batch.targets.rows.length);
    return batch;
  },
  loss: new LanguageModelingLoss(model),
  onNotice: (text) => report.notices.push(text),
});
for await (const { step, loss, tokens, seconds } of trainer.steps()) {
  report.loss = loss;
  if (step <= task.warmup) continue;
  report.seconds.push(seconds);
  report.tokens.push(tokens);
  report.squares.push(steps[step - 1]!.reduce((sum, { length }) => sum + length * length, 0));
}
rmSync(outputDir, { recursive: true, force: true });
report.peak = peakMemory();
report.storages = memoryStats().peak / 1e6;
console.log(JSON.stringify(report));
