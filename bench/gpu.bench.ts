import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Tensor } from "@ettin/core";
import type { GpuReport, GpuTask } from "./support/gpu-process.ts";
import { median } from "./support/peak.ts";
import { peer } from "./support/peer.ts";

export const name =
  "One GPU: pretraining and encoding at 1024 tokens, ranking of pairs of real lengths, in bfloat16 (PyTorch beside us in the same run)";

interface Options {
  quick: boolean;
  /** Only lines that hold all of these words: "mlm-train 150m", "encode". @default all */
  only?: string;
}

/** [layers, hidden, intermediate, sequences of a step] */
const SHAPES = {
  "17m": [7, 256, 384, 64],
  "68m": [19, 512, 768, 64],
  "150m": [22, 768, 1152, 64],
  "400m": [28, 1024, 2624, 32],
  "1b": [28, 1792, 3840, 16],
} as const;
type Size = keyof typeof SHAPES;
const VOCABULARY = 50_368;
const LENGTH = 1024;
const SCORED = 0.3;
/** Ranking of pairs: texts of a step, and the most tokens of one. */
const PAIRED = 256;
const LONGEST = 256;
/** Operations a second of an H100 or H200 in bfloat16, as NVIDIA states them. */
const PEAK = 989.4e12;

/**
 * Floating-point operations of one token's step: 6 (weights without the embedding + scored share · V · d) + 12 d times the
 * keys that a query sees, summed over layers; a third of it for encoding, which has no backward pass and no head.
 */
function operations(task: "mlm-train" | "encode", size: Size): number {
  const [layers, hidden, intermediate] = SHAPES[size];
  const weights = layers * (4 * hidden * hidden + 3 * hidden * intermediate);
  const global = Math.ceil(layers / 3);
  const keys = global * LENGTH + (layers - global) * 128;
  if (task === "encode") return 2 * weights + 4 * hidden * keys;
  return 6 * (weights + SCORED * (hidden * hidden + VOCABULARY * hidden)) + 12 * hidden * keys;
}

function inProcess(task: GpuTask): GpuReport {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js"; // types may have been erased beforehand
  const script = fileURLToPath(new URL(`./support/gpu-process.${extension}`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [...process.execArgv, script, JSON.stringify(task)], {
    encoding: "utf8",
    env: { ...process.env, ETTIN_DEVICE: process.env.ETTIN_DEVICE ?? "cuda" },
  });
  if (status !== 0) throw new Error(`[bench] gpu-process ended with ${status}: ${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1)!) as GpuReport;
}

export async function run({ quick, only }: Options): Promise<void> {
  const probe = Tensor.from([0], { device: "cuda" });
  console.log(`  ${probe.device.name}; model-flops utilisation of ${PEAK / 1e12} TFLOP/s; MB of the device`);
  probe.dispose();
  console.log(
    `  ${"".padEnd(20)}${"tokens/s".padStart(10)}${"MFU".padStart(7)}${"step ms".padStart(9)}${"first s".padStart(9)}` +
      `${"MB".padStart(8)}${"PyTorch".padStart(11)}${"first s".padStart(9)}${"MB".padStart(8)}   speed  memory`,
  );
  for (const kind of ["mlm-train", "encode", "dense-train"] as const) {
    for (const size of Object.keys(SHAPES) as Size[]) {
      const label = `${kind} ${size}`;
      if (!(only?.split(" ") ?? []).every((word) => label.split(" ").includes(word))) continue;
      const pairs = kind === "dense-train";
      const sequences = quick ? 2 : pairs ? PAIRED : SHAPES[size][3];
      const length = pairs ? LONGEST : LENGTH;
      const task: GpuTask = {
        task: kind,
        size,
        sequences,
        length,
        steps: quick ? 2 : 10,
        warmup: quick ? 1 : 4,
      };
      const ours = inProcess(task);
      const { steps, warmup } = task;
      const flags = Object.entries({ size, sequences, length, steps, warmup });
      const theirs = peer("gpu.py", kind, ...flags.flatMap(([key, value]) => [`--${key}`, `${value}`]), "--json");
      const rate = median(ours.seconds.map((seconds, i) => ours.tokens[i]! / seconds));
      const share = kind === "dense-train" ? "" : `${((100 * rate * operations(kind, size)) / PEAK).toFixed(1)}%`;
      const beside = theirs
        ? `${theirs.tokens_per_s!.toFixed(0).padStart(11)}${theirs.first_step_s!.toFixed(1).padStart(9)}` +
          `${theirs.peak_mb!.toFixed(0).padStart(8)}${(rate / theirs.tokens_per_s!).toFixed(2).padStart(7)}×` +
          `${(ours.peak / theirs.peak_mb!).toFixed(2).padStart(7)}×`
        : "";
      console.log(
        `  ${label.padEnd(20)}${rate.toFixed(0).padStart(10)}${share.padStart(7)}` +
          `${(1e3 * median(ours.seconds)).toFixed(1).padStart(9)}${ours.firstStep.toFixed(2).padStart(9)}` +
          `${ours.peak.toFixed(0).padStart(8)}${beside}`,
      );
    }
  }
}
