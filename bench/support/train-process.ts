/** A process of its own that trains a model of random weights and says how long the steps took: its argument is a `Task`. */
import { readFileSync } from "node:fs";
import {
  AdamW,
  clipGradNorm,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  memoryStats,
  nextTokens,
  type PackedTokens,
  packTokens,
  type TokenTargets,
  tensorScope,
} from "@ettin/core";
import { peakMemory } from "./peak-memory.mjs";

export interface Task {
  objective: "mlm" | "clm";
  size: string;
  dtype: "float32" | "bfloat16";
  /** A JSON file: for each step an array of sequences of ids. */
  batches: string;
  /** Steps before the clock starts. */
  warmup: number;
  gradientCheckpointing?: boolean;
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
}

const task = JSON.parse(process.argv[2]!) as Task;
const steps = JSON.parse(readFileSync(task.batches, "utf8")) as number[][][];
const model =
  task.objective === "mlm"
    ? ModernBertForMaskedLM.fromConfig(`ettin-encoder-${task.size}`)
    : ModernBertDecoderForCausalLM.fromConfig(`ettin-decoder-${task.size}`);
model.computeDtype = task.dtype;
model.gradientCheckpointing = task.gradientCheckpointing ?? false;
const parameters = model.parameters();
const optimizer = new AdamW(parameters, { learningRate: 1e-5, weightDecay: 0 });

/** 30 % of the places, without the first and the last of a sequence; four in five of them become [MASK]. */
function masked(batch: PackedTokens, seed: number): { batch: PackedTokens; targets: TokenTargets } {
  const tokens = batch.tokens.slice();
  const rows: number[] = [];
  let state = seed * 2654435761;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  for (let b = 0; b + 1 < batch.offsets.length; b++) {
    for (let t = batch.offsets[b]! + 1; t < batch.offsets[b + 1]! - 1; t++) {
      if (uniform() >= 0.3) continue;
      rows.push(t);
      if (uniform() < 0.8) tokens[t] = 50284;
    }
  }
  const ids = Int32Array.from(rows, (row) => batch.tokens[row]!);
  return { batch: { ...batch, tokens }, targets: { rows: Int32Array.from(rows), ids } };
}

const report: Report = { seconds: [], tokens: [], targets: [], squares: [], loss: 0, peak: 0, storages: 0 };
for (const [step, sequences] of steps.entries()) {
  const begin = performance.now();
  const packed = packTokens(sequences);
  const { batch, targets } =
    task.objective === "mlm" ? masked(packed, step + 1) : { batch: packed, targets: nextTokens(packed) };
  const loss = tensorScope(() => {
    const loss = model.loss(batch, targets);
    loss.backward();
    optimizer.step(1e-5, clipGradNorm(parameters, 1));
    optimizer.zeroGrad();
    return loss.detach();
  });
  report.loss = await loss.item();
  loss.dispose();
  if (step < task.warmup) continue;
  report.seconds.push((performance.now() - begin) / 1e3);
  report.tokens.push(batch.tokens.length);
  report.targets.push(targets.rows.length);
  report.squares.push(sequences.reduce((sum, { length }) => sum + length * length, 0));
}
report.peak = peakMemory();
report.storages = memoryStats().peak / 1e6;
console.log(JSON.stringify(report));
