/** A process of its own that trains a small decoder on a file of rows with `positive`, in shuffled order: its argument is a `TrainingTask`. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { getHeapStatistics } from "node:v8";
import {
  causalCollator,
  LanguageModelingLoss,
  loadDataset,
  ModernBertDecoderForCausalLM,
  Tokenizer,
  Trainer,
} from "@ettin/pretrain";
import { peakMemory } from "./peak-memory.mjs";

export interface TrainingTask {
  file: string;
  steps: number;
}

export interface TrainingFigures {
  rows: number;
  steps: number;
  firstLoss: number;
  lastLoss: number;
  /** Megabytes of the process at its peak. */
  resident: number;
  /** Megabytes that the heap may take. */
  heapLimit: number;
}

const { file, steps } = JSON.parse(process.argv[2]!) as TrainingTask;
const tokenizer = await Tokenizer.fromFolder(fileURLToPath(new URL("../../examples/tokenizer", import.meta.url)));
const shape = { hiddenSize: 64, intermediateSize: 96, numHiddenLayers: 4, numAttentionHeads: 2 };
const model = ModernBertDecoderForCausalLM.fromConfig({ ...shape, vocabSize: tokenizer.vocabSize });
const rows = (await loadDataset(file)).selectColumns(["positive"]).renameColumn("positive", "text");
const outputDir = mkdtempSync(join(tmpdir(), "ettin-train-"));
const trainer = new Trainer({
  model,
  trainDataset: rows,
  collator: causalCollator({ tokenizer }),
  loss: new LanguageModelingLoss(model),
  args: { outputDir, maxSteps: steps, perDeviceTrainBatchSize: 16, learningRate: 3e-3, saveSteps: steps, report: [] },
});
const losses: number[] = [];
for await (const { loss } of trainer.steps()) losses.push(loss);
rmSync(outputDir, { recursive: true, force: true });
const figures: TrainingFigures = {
  rows: rows.length,
  steps: losses.length,
  firstLoss: losses[0]!,
  lastLoss: losses.at(-1)!,
  resident: peakMemory(),
  heapLimit: getHeapStatistics().heap_size_limit / 2 ** 20,
};
console.log(JSON.stringify(figures));
