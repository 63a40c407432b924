/**
 * A process of its own that pretrains, or encodes with, an encoder of random weights on sequences of one length, and says
 * how long the steps took: its argument is a `GpuTask`. ETTIN_DEVICE chooses the device.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AdamW,
  clipGradNorm,
  crossEntropy,
  l2Normalize,
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
  task: "mlm-train" | "encode" | "dense-train";
  size: string;
  /** Of a step; half of them queries, half their answers where pairs are ranked. */
  sequences: number;
  /** Of each sequence; of the longest where pairs are ranked, which have real lengths. */
  length: number;
  steps: number;
  warmup: number;
}

export interface GpuReport {
  /** Of each step after the warm-up. */
  seconds: number[];
  /** Of each of these steps. */
  tokens: number[];
  /** From the start of the process to the end of the first step. */
  firstStep: number;
  /** The loss of the last step; of an encoding its first number. */
  value: number;
  /** Megabytes of the device: the most that storages, weights' copies and working memory have taken. */
  peak: number;
  reserved: number;
}

const task = JSON.parse(process.argv.at(-1)!) as GpuTask;
const report: GpuReport = { seconds: [], tokens: [], firstStep: 0, value: 0, peak: 0, reserved: 0 };
const uptime = () => performance.now() / 1000;

let state = 1;
const id = () => {
  state = (state * 48271) % 2147483647;
  return 5 + (state % 49_000);
};

const run = { "mlm-train": pretrain, encode, "dense-train": rankTexts };
await run[task.task]();
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
    if (step > warmup) {
      report.seconds.push(seconds);
      report.tokens.push(sequences * length);
    }
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
    if (step > warmup) {
      report.seconds.push(uptime() - start);
      report.tokens.push(sequences * length);
    }
  }
}

/** Mean pooling and in-batch negatives, in bfloat16 with float32 weights, as the trainer runs them. */
async function rankTexts(): Promise<void> {
  const { size, sequences, length: longest, steps, warmup } = task;
  const model = ModernBertModel.fromConfig(`ettin-encoder-${size}`);
  model.computeDtype = "bfloat16";
  const parameters = model.entries().map(({ tensor }) => tensor);
  const optimizer = new AdamW(parameters, { learningRate: 1e-5 });
  const lengths = JSON.parse(readFileSync(new URL("../data/lengths.json", import.meta.url), "utf8"))
    .lengths as number[];
  const half = sequences / 2;
  const targets = Int32Array.from({ length: half }, (_, i) => i);
  for (let step = 1; step <= warmup + steps; step++) {
    const offsets = new Int32Array(sequences + 1);
    for (let i = 0; i < sequences; i++) {
      offsets[i + 1] = offsets[i]! + Math.min(longest, lengths[((step - 1) * sequences + i) % lengths.length]!);
    }
    const tokens = Int32Array.from({ length: offsets[sequences]! }, id);
    const start = uptime();
    const [loss] = tensorScope(() => {
      const pooled = segmentMean(model.forward({ tokens, offsets }), Tensor.from(offsets)).to("float32");
      const vectors = l2Normalize(pooled);
      const scores = vectors.slice(0, half).matmul(vectors.slice(half, sequences).transpose(0, 1)).mul(20);
      const loss = crossEntropy(scores, Tensor.from(targets)).mean();
      loss.backward();
      optimizer.step(1e-5, clipGradNorm(parameters, 1));
      optimizer.zeroGrad();
      return [loss.data()];
    });
    report.value = (await loss!)[0]!;
    if (step === 1) report.firstStep = uptime();
    if (step > warmup) {
      report.seconds.push(uptime() - start);
      report.tokens.push(tokens.length);
    }
  }
}
