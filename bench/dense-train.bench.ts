import { openCpu } from "@ettin/core";
import { checkpointFolder } from "./support/checkpoint-folder.ts";
import { inChild } from "./support/child.ts";
import type { Report, Task } from "./support/dense-train-process.ts";
import { median, Peak } from "./support/peak.ts";
import { peer } from "./support/peer.ts";
import { stepCounts } from "./support/step-counts.ts";

export const name = "Training steps of a retriever (sentence-transformers beside us in the same run)";

interface Options {
  quick: boolean;
  /** Rows `{"query", "positive"}`, JSONL or JSONL.gz. */
  data?: string;
  /** A folder with `tokenizer.json`. */
  tokenizer?: string;
  /** Only lines that hold all of these words, separated by spaces: "17m float32", "cached" … @default all */
  only?: string;
  /** Warm-up and timed steps, "1,1": the peer times from the end of a step. */
  steps?: string;
}

const MAX_LENGTH = 256;
/** [layers, hidden, intermediate] */
const SHAPES = { "17m": [7, 256, 384], "150m": [22, 768, 1152] } as const;
type Size = keyof typeof SHAPES;
/** As the peer's tasks: pairs of a step, and texts at once. */
const KINDS = { plain: { batch: 16 }, cached: { batch: 128, miniBatch: 16 } } as const;

/** Multiplies and adds of a token in a step: products with weights, three of each. */
function operationsPerToken(size: Size): number {
  const [layers, hidden, intermediate] = SHAPES[size];
  return 3 * 2 * layers * (4 * hidden * hidden + 3 * hidden * intermediate);
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export async function run(options: Options): Promise<void> {
  const { data, tokenizer } = options;
  if (data === undefined || tokenizer === undefined) {
    console.log("  skipped: needs --data and --tokenizer");
    return;
  }
  const device = openCpu();
  const threads = Number(/(\d+) thread/.exec(device.name)![1]);
  const peaks = { float32: new Peak(device, threads), bfloat16: new Peak(device, threads, true) };
  console.log(
    `  ${device.name}; multiple negatives, texts up to ${MAX_LENGTH} tokens, mean pooling; MB of the process`,
  );
  console.log(
    `  ${"".padEnd(24)}${"tokens/s".padStart(9)}${"step ms".padStart(9)}  of the peak     MB  ` +
      `${"peer".padStart(8)}     MB   speed  memory`,
  );
  for (const size of Object.keys(SHAPES) as Size[]) {
    const folder = await checkpointFolder(size, tokenizer);
    for (const [kind, shape] of Object.entries(KINDS)) {
      for (const dtype of ["float32", "bfloat16"] as const) {
        const label = `${size} ${dtype} ${kind}`;
        if (!(options.only?.split(" ") ?? []).every((word) => label.split(" ").includes(word))) continue;
        const [warmup, steps] = stepCounts(options, size === "17m" ? [2, kind === "plain" ? 12 : 4] : [1, 3]);
        const task: Task = { folder, dtype, data, ...shape, warmup, steps, maxLength: MAX_LENGTH };
        const before = await peaks[dtype].settled();
        const ours = inChild<Report>("dense-train-process.ts", task);
        const theirs = sentenceTransformers(options, size, threads, task);
        const again = theirs ? inChild<Report>("dense-train-process.ts", task) : null; // the machine's speed drifts
        const after = await peaks[dtype].settled();

        const runs = [ours, ...(again ? [again] : [])];
        const rate = median(runs.map((each) => sum(each.tokens) / sum(each.seconds)));
        // the cached loss computes its forward pass twice
        const passes = "miniBatch" in shape ? 4 / 3 : 1;
        const share = (rate * passes * operationsPerToken(size)) / ((before + after) / 2);
        const beside = theirs
          ? `${theirs.tokens_per_s!.toFixed(0).padStart(8)} ${theirs.peak_rss_mb!.toFixed(0).padStart(6)} ` +
            `${(rate / theirs.tokens_per_s!).toFixed(2).padStart(6)}× ${(ours.peak / theirs.peak_rss_mb!).toFixed(2).padStart(6)}×`
          : "";
        console.log(
          `  ${label.padEnd(24)}${rate.toFixed(0).padStart(9)}${(1e3 * median(ours.seconds)).toFixed(0).padStart(9)}` +
            `${(100 * share).toFixed(0).padStart(11)} % ${ours.peak.toFixed(0).padStart(6)}  ${beside}`,
        );
      }
    }
  }
  device.backend.close();
}

function sentenceTransformers(options: Options, size: Size, threads: number, task: Task) {
  const { dtype, batch, miniBatch, warmup, steps, maxLength } = task;
  const numbers = { size, dtype, threads, batch, steps, warmup, "max-length": maxLength };
  const flags = Object.entries({ ...numbers, ...(miniBatch && { "mini-batch": miniBatch }) }).flatMap(
    ([key, value]) => [`--${key}`, `${value}`],
  );
  const files = ["--data", options.data!, "--tokenizer", options.tokenizer!];
  return peer("peers.py", miniBatch ? "dense-train-cached" : "dense-train", ...flags, ...files, "--json");
}
