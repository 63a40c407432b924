import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { openCpu } from "@ettin/core";
import { checkpointFolder } from "./support/checkpoint-folder.ts";
import { inChild } from "./support/child.ts";
import type { Report, Task } from "./support/encoder-process.ts";
import { median, Peak } from "./support/peak.ts";
import { peer } from "./support/peer.ts";

export const name = "Encoding texts by SentenceTransformer.encode (sentence-transformers beside us in the same run)";

const TOKENIZER = fileURLToPath(new URL("../examples/tokenizer", import.meta.url));
const BATCH = 32;
const MAX_LENGTH = 512;
/** [layers, hidden, intermediate], and batches of 32 texts per call. */
const SIZES = {
  "17m": { shape: [7, 256, 384], batches: 8 },
  "150m": { shape: [22, 768, 1152], batches: 4 },
} as const;
type Size = keyof typeof SIZES;

/** Multiplies and adds of a token's products with weights. */
function operationsPerToken(size: Size): number {
  const [layers, hidden, intermediate] = SIZES[size].shape;
  return 2 * layers * (4 * hidden * hidden + 3 * hidden * intermediate);
}

interface Options {
  quick: boolean;
  /** Rows `{"query", "positive"}`, JSONL or JSONL.gz. Without it: pieces of the bundled tales, and no peer. */
  data?: string;
  /** A folder with `tokenizer.json`. @default the bundled one */
  tokenizer?: string;
  /** Whether to leave out some: "17m", "bfloat16" … @default all */
  only?: string;
}

function passages(path: string, count: number): string[] {
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const lines = text.split("\n").slice(0, count);
  return lines.map((line) => (JSON.parse(line) as { positive: string }).positive);
}

/** Texts of `--data`, or without it pieces of the bundled tales. */
function textsOf(options: Options, count: number): string[] {
  if (options.data) return passages(options.data, count);
  const tales = readFileSync(new URL("../examples/tales.txt", import.meta.url), "utf8").split("\n\n");
  return Array.from({ length: count }, (_, i) => tales[i % tales.length]!.slice(0, 100 + ((i * 131) % 500)));
}

export async function run(options: Options): Promise<void> {
  const device = openCpu();
  const threads = Number(/(\d+) thread/.exec(device.name)![1]);
  const peaks = { float32: new Peak(device, threads), bfloat16: new Peak(device, threads, true) };
  const folder = mkdtempSync(join(tmpdir(), "ettin-encode-"));
  const withPeer = options.data !== undefined && options.tokenizer !== undefined;
  if (!withPeer) console.log("  pieces of the bundled tales; with --data and --tokenizer: those texts, and the peer");
  console.log(`  ${device.name}; tokens/s, megabytes of the process at its peak`);
  console.log(
    `  ${"".padEnd(16)}${"ours".padStart(9)}  of the peak     MB  ${"peer".padStart(9)}     MB   speed  memory`,
  );

  for (const size of Object.keys(SIZES) as Size[]) {
    const batches = options.quick ? 2 : SIZES[size].batches;
    const inputs = join(folder, `${size}.json`);
    writeFileSync(inputs, JSON.stringify(textsOf(options, BATCH * batches)));
    const model = await checkpointFolder(size, options.tokenizer ?? TOKENIZER);
    for (const dtype of ["float32", "bfloat16"] as const) {
      if (options.only && !`${size} ${dtype}`.includes(options.only)) continue;
      const repeats = options.quick ? 1 : 5;
      const task: Task = { folder: model, dtype, inputs, maxLength: MAX_LENGTH, repeats };
      const before = await peaks[dtype].settled();
      const ours = inChild<Report>("encoder-process.ts", task);
      const peer = withPeer ? sentenceTransformers(options, size, dtype, threads, batches) : null;
      const again = peer ? inChild<Report>("encoder-process.ts", task) : null; // the machine's speed drifts
      const after = await peaks[dtype].settled();

      const rate = ours.tokens / median([...ours.seconds, ...(again?.seconds ?? [])]);
      const share = (rate * operationsPerToken(size)) / ((before + after) / 2);
      const beside = peer
        ? `${peer.tokens_per_s!.toFixed(0).padStart(9)} ${peer.peak_rss_mb!.toFixed(0).padStart(6)} ` +
          `${(rate / peer.tokens_per_s!).toFixed(2).padStart(6)}× ${(ours.peak / peer.peak_rss_mb!).toFixed(2).padStart(6)}×`
        : "";
      console.log(
        `  ${`${size} ${dtype}`.padEnd(16)}${rate.toFixed(0).padStart(9)} ${(100 * share).toFixed(0).padStart(10)} % ` +
          `${ours.peak.toFixed(0).padStart(6)}  ${beside}`,
      );
    }
  }
  rmSync(folder, { recursive: true, force: true });
  device.backend.close();
}

function sentenceTransformers(options: Options, size: Size, dtype: string, threads: number, batches: number) {
  const arguments_ = { size, dtype, threads, batch: BATCH, steps: batches, "max-length": MAX_LENGTH };
  const flags = Object.entries(arguments_).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const files = ["--data", options.data!, "--tokenizer", options.tokenizer!];
  const repeats = options.quick ? "1" : "3";
  return peer("peers.py", "dense-encode", ...flags, ...files, "--repeats", repeats, "--json");
}
