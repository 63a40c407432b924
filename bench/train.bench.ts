import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { openCpu, Tokenizer } from "@ettin/core";
import { inChild } from "./support/child.ts";
import { median, Peak } from "./support/peak.ts";
import { peer } from "./support/peer.ts";
import { stepCounts } from "./support/step-counts.ts";
import type { Report, Task } from "./support/train-process.ts";

export const name = "Training steps: masked and causal language modelling (transformers beside us in the same run)";

interface Options {
  quick: boolean;
  /** Rows `{"text"}`, JSONL or JSONL.gz. Without it: random ids of real lengths, and no peer. */
  docs?: string;
  /** Rows `{"query", "positive"}`: the peer opens it, though these tasks do not use it. */
  data?: string;
  /** A folder with `tokenizer.json`. */
  tokenizer?: string;
  /** Only lines that hold all of these words, separated by spaces: "mlm 150m", "clm bfloat16 checkpointed" … @default all */
  only?: string;
  /** Warm-up and timed steps, "1,1": the peer times from the end of a step. */
  steps?: string;
}

const LENGTH = 1024;
/** [layers, hidden, intermediate] */
const SHAPES = { "17m": [7, 256, 384], "150m": [22, 768, 1152] } as const;
type Size = keyof typeof SHAPES;
const VOCABULARY = 50_368;
/** Sequences of a step, as the peer's. */
const BATCH = { mlm: 4, clm: 2 } as const;

/**
 * Multiplies and adds of a step's real tokens: products with weights (three of each), the head's on scored rows, and
 * attention on the keys that a query sees.
 */
function operations(task: Pick<Task, "objective" | "size">, report: Report): number {
  const [layers, hidden, intermediate] = SHAPES[task.size as Size];
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const tokens = sum(report.tokens);
  const weights = layers * (4 * hidden * hidden + 3 * hidden * intermediate) * tokens;
  const head = (hidden * hidden + hidden * VOCABULARY) * sum(report.targets);
  const pairs = task.objective === "mlm" ? sum(report.squares) : sum(report.squares) / 2;
  const windowed = Math.min(pairs, tokens * (task.objective === "mlm" ? 129 : 64));
  const global = Math.ceil(layers / 3);
  const attention = 2 * hidden * (global * pairs + (layers - global) * windowed);
  return 3 * 2 * (weights + head) + 3.5 * 2 * attention; // attention's backward makes the scores a second time
}

function texts(path: string, count: number): string[] {
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  return text
    .split("\n")
    .slice(0, count)
    .map((line) => (JSON.parse(line) as { text: string }).text);
}

/** Sequences of ids, as many for each step as the peer takes. */
function stepsOf(objective: "mlm" | "clm", options: Options, tokenizer: Tokenizer | null, steps: number): number[][][] {
  const batch = BATCH[objective];
  const need = steps * batch;
  let sequences: number[][];
  if (tokenizer) {
    const documents = texts(options.docs!, objective === "mlm" ? need : need * 8);
    const encoded = documents.map((text) => [...tokenizer.encode(text).ids]);
    if (objective === "mlm") {
      sequences = encoded.map((ids) => (ids.length > LENGTH ? [...ids.slice(0, LENGTH - 1), ids.at(-1)!] : ids));
    } else {
      const stream = encoded.flat();
      if (stream.length < need * LENGTH) {
        throw new Error(
          `[bench] ${need * 8} texts of --docs have ${stream.length} tokens, clm takes ${need * LENGTH}: pass longer ones`,
        );
      }
      sequences = Array.from({ length: need }, (_, i) => stream.slice(i * LENGTH, (i + 1) * LENGTH));
    }
  } else {
    const { lengths } = JSON.parse(readFileSync(new URL("./data/lengths.json", import.meta.url), "utf8"));
    const length = (i: number) => (objective === "mlm" ? Math.min(LENGTH, 5 * lengths[i % lengths.length]) : LENGTH);
    sequences = Array.from({ length: need }, (_, i) =>
      Array.from({ length: length(i) }, (_, t) => ((i * 131 + t) * 7919) % 50_000),
    );
  }
  return Array.from({ length: steps }, (_, step) => sequences.slice(step * batch, (step + 1) * batch));
}

export async function run(options: Options): Promise<void> {
  const device = openCpu();
  const threads = Number(/(\d+) thread/.exec(device.name)![1]);
  const peaks = { float32: new Peak(device, threads), bfloat16: new Peak(device, threads, true) };
  const folder = mkdtempSync(join(tmpdir(), "ettin-train-"));
  const withPeer = options.docs !== undefined && options.tokenizer !== undefined;
  const tokenizer = withPeer ? await Tokenizer.fromFolder(options.tokenizer!) : null;
  if (!withPeer) console.log("  random ids of real lengths; with --docs and --tokenizer: texts, and the peer");
  console.log(`  ${device.name}; steps of 4 documents up to 1024 tokens (mlm) or 2 of 1024 (clm); MB of the process`);
  console.log(
    `  ${"".padEnd(32)}${"tokens/s".padStart(9)}${"step ms".padStart(9)}  of the peak     MB  ` +
      `${"peer".padStart(8)}     MB   speed  memory`,
  );
  for (const size of Object.keys(SHAPES) as Size[]) {
    for (const objective of ["mlm", "clm"] as const) {
      for (const dtype of ["float32", "bfloat16"] as const) {
        for (const gradientCheckpointing of [false, true]) {
          const label = `${objective} ${size} ${dtype}${gradientCheckpointing ? " checkpointed" : ""}`;
          const asked = options.only?.split(" ") ?? [];
          if (!asked.every((word) => label.split(" ").includes(word))) continue;
          const [warmup, timed] = stepCounts(options, size === "17m" ? [2, 10] : [2, 4]);
          const batches = join(folder, "batches.json");
          writeFileSync(batches, JSON.stringify(stepsOf(objective, options, tokenizer, warmup + timed)));
          const task: Task = { objective, size, dtype, batches, warmup, gradientCheckpointing };
          const before = await peaks[dtype].settled();
          const ours = inChild<Report>("train-process.ts", task);
          const theirs = withPeer && !gradientCheckpointing ? transformers(options, task, threads, timed) : null;
          const again = theirs ? inChild<Report>("train-process.ts", task) : null; // the machine's speed drifts
          const after = await peaks[dtype].settled();

          const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
          const runs = [ours, ...(again ? [again] : [])];
          const rate = median(runs.map((each) => sum(each.tokens) / sum(each.seconds)));
          const share = median(runs.map((each) => operations(task, each) / sum(each.seconds))) / ((before + after) / 2);
          const beside = theirs
            ? `${theirs.tokens_per_s!.toFixed(0).padStart(8)} ${theirs.peak_rss_mb!.toFixed(0).padStart(6)} ` +
              `${(rate / theirs.tokens_per_s!).toFixed(2).padStart(6)}× ${(ours.peak / theirs.peak_rss_mb!).toFixed(2).padStart(6)}×`
            : "";
          console.log(
            `  ${label.padEnd(32)}${rate.toFixed(0).padStart(9)}${(1e3 * median(ours.seconds)).toFixed(0).padStart(9)}` +
              `${(100 * share).toFixed(0).padStart(11)} % ${ours.peak.toFixed(0).padStart(6)}  ${beside}`,
          );
        }
      }
    }
  }
  rmSync(folder, { recursive: true, force: true });
  device.backend.close();
}

function transformers(options: Options, task: Task, threads: number, steps: number) {
  const { size, dtype, objective, warmup } = task;
  const flags = Object.entries({ size, dtype, threads, steps, warmup }).flatMap(([key, value]) => [
    `--${key}`,
    `${value}`,
  ]);
  const data = options.data === undefined ? [] : ["--data", options.data];
  const files = [...data, "--docs", options.docs!, "--tokenizer", options.tokenizer!];
  return peer("peers.py", `${objective}-train`, ...flags, ...files, "--json");
}
