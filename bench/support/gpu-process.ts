/**
 * A process of its own that pretrains, or encodes with, an encoder of random weights on sequences of one length, and says
 * how long the steps took: its argument is a `GpuTask`. ETTIN_DEVICE chooses the device.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  ModernBertForMaskedLM,
  ModernBertModel,
  memoryStats,
  segmentMean,
  Tensor,
  Trainer,
  tensorScope,
} from "@ettin/core";
import { ettinTokenIds, LanguageModelingLoss, objectiveCollator } from "@ettin/pretrain";

export interface GpuTask {
  task: "mlm-train" | "encode";
  size: string;
  /** Of a step. */
  sequences: number;
  length: number;
  steps: number;
  warmup: number;
}

export interface GpuReport {
  /** Of each step after the warm-up. */
  seconds: number[];
  /** From the start of the process to the end of the first step. */
  firstStep: number;
  /** The loss of the last step; of an encoding its first number. */
  value: number;
  /** Megabytes of the device: the most that storages, weights' copies and working memory have taken. */
  peak: number;
  reserved: number;
}

const task = JSON.parse(process.argv.at(-1)!) as GpuTask;
const report: GpuReport = { seconds: [], firstStep: 0, value: 0, peak: 0, reserved: 0 };
const uptime = () => performance.now() / 1000;

let state = 1;
const id = () => {
  state = (state * 48271) % 2147483647;
  return 5 + (state % 49_000);
};

if (task.task === "mlm-train") await pretrain();
else await encode();
const { peak, scratchPeak, packed, reserved } = memoryStats();
report.peak = (peak + scratchPeak + packed) / 1e6;
report.reserved = (reserved + scratchPeak) / 1e6;
console.log(JSON.stringify(report));

async function pretrain(): Promise<void> {
  const { size, sequences, length, steps, warmup } = task;
  const model = ModernBertForMaskedLM.fromConfig(`ettin-encoder-${size}`);
  const outputDir = mkdtempSync(join(tmpdir(), "ettin-gpu-"));
  const trainer = new Trainer({
    model,
    args: {
      outputDir,
      perDeviceTrainBatchSize: sequences,
      maxSteps: warmup + steps,
      learningRate: 1e-5,
      bf16: true,
      saveStrategy: "no",
      report: [],
    },
    trainDataset: {
      length: sequences * (warmup + steps),
      rows: (indices) => Array.from(indices, () => ({ input_ids: Array.from({ length }, id) })),
    },
    collator: objectiveCollator("mlm", { tokenizer: ettinTokenIds, probability: 0.3 }),
    loss: new LanguageModelingLoss(model),
    onNotice: () => {},
  });
  for await (const { step, loss, seconds } of trainer.steps()) {
    if (step === 1) report.firstStep = uptime();
    if (step > warmup) report.seconds.push(seconds);
    report.value = loss;
  }
  rmSync(outputDir, { recursive: true, force: true });
}

async function encode(): Promise<void> {
  const { size, sequences, length, steps, warmup } = task;
  const model = ModernBertModel.fromConfig(`ettin-encoder-${size}`, { dtype: "bfloat16" });
  const tokens = Int32Array.from({ length: sequences * length }, id);
  const offsets = Int32Array.from({ length: sequences + 1 }, (_, i) => i * length);
  for (let step = 1; step <= warmup + steps; step++) {
    const start = uptime();
    const [read] = tensorScope(() => [segmentMean(model.forward({ tokens, offsets }), Tensor.from(offsets)).data()]);
    report.value = (await read!)[0]!;
    if (step === 1) report.firstStep = uptime();
    if (step > warmup) report.seconds.push(uptime() - start);
  }
}
