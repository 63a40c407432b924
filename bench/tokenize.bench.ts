import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { Tokenizer } from "@ettin/core";
import { LibraryTokenizer } from "../packages/core/src/tokenizer/library.ts";
import { median } from "./support/peak.ts";
import { peer } from "./support/peer.ts";

export const name = "Byte-level BPE, texts to ids: native, the JavaScript library, Python's tokenizers";

interface Options {
  readonly quick: boolean;
  /** Rows of "text" or "positive". */
  readonly data?: string;
  readonly docs?: string;
  readonly tokenizer?: string;
}

const BATCH = 1000; // texts, as the peer has

export async function run({ quick, data, docs, tokenizer: folder = "examples/tokenizer" }: Options): Promise<void> {
  const texts = await readTexts(docs ?? data, quick ? 4 * BATCH : 10 * BATCH);
  const megabytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;
  const rounds = quick ? 2 : 5;
  console.log(`  ${texts.length} texts, ${megabytes.toFixed(2)} MB; median of ${rounds} rounds`);

  const loading = await medianSeconds(rounds, async () => (await Tokenizer.fromFolder(folder)).dispose());
  console.log(`  loading ${folder}: ${(1000 * loading).toFixed(0)} ms`);

  const tokenizer = await Tokenizer.fromFolder(folder);
  const batches = Array.from({ length: Math.ceil(texts.length / BATCH) }, (_, i) =>
    texts.slice(i * BATCH, (i + 1) * BATCH),
  );
  let tokens = 0;
  const report = (what: string, seconds: number, mb = megabytes): void => {
    console.log(`  ${what.padEnd(44)}${(mb / seconds).toFixed(1).padStart(8)} MB/s`);
  };
  const one = await medianSeconds(rounds, () => {
    tokens = texts.reduce((sum, text) => sum + tokenizer.encode(text).ids.length, 0);
  });
  report("native, one text at a time, one core", one);
  const batch = await medianSeconds(rounds, async () => {
    for (const each of batches) await tokenizer.encodeBatch(each);
  });
  report(`native, batches of ${BATCH}, all cores`, batch);
  console.log(`  ${(tokens / one / 1e6).toFixed(2)} million tokens/s at one text at a time`);

  const few = texts.slice(0, BATCH);
  const fewMegabytes = few.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;
  const json = readFileSync(join(folder, "tokenizer.json"), "utf8");
  const library = new LibraryTokenizer({ file: folder, text: () => json, specialTokens: tokenizer.specialTokens });
  const slow = await medianSeconds(rounds, () => {
    for (const text of few) library.encode(text);
  });
  report("the JavaScript library, one text at a time", slow, fewMegabytes);
  const workers = await medianSeconds(rounds, () => library.encodeBatch(few));
  report("the JavaScript library, worker threads", workers, fewMegabytes);
  library.dispose();
  tokenizer.dispose();

  if (!data) return;
  const theirs = peer("peers.py", "tokenize", "--data", data, "--tokenizer", folder, "--threads", "2", "--json");
  if (!theirs) return;
  console.log("  Python, on its own part of the same file:");
  for (const [what, key] of [
    ["transformers, one text at a time", "mb_per_s_one_text_at_a_time"],
    ["transformers, batches", "mb_per_s_batch"],
    ["tokenizers, one core", "mb_per_s_tokenizers_one_thread"],
    ["tokenizers, batches", "mb_per_s_tokenizers_batch"],
  ] as const) {
    report(what, 1, theirs[key]!);
  }
}

/** The median over rounds, after one that warms up caches and the compiler. */
async function medianSeconds(rounds: number, work: () => unknown): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const begin = performance.now();
    await work();
    seconds.push((performance.now() - begin) / 1000);
  }
  return median(seconds.slice(1));
}

/** Texts of a JSONL file, or paragraphs of the bundled one. */
async function readTexts(path: string | undefined, count: number): Promise<string[]> {
  if (!path) {
    const paragraphs = readFileSync("examples/tales.txt", "utf8").split("\n").filter(Boolean);
    return Array.from({ length: count }, (_, i) => paragraphs[i % paragraphs.length]!);
  }
  const bytes = readFileSync(path);
  const lines = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8").trim().split("\n");
  return lines.slice(0, count).map((line) => {
    const { text, positive } = JSON.parse(line) as { text?: string; positive?: string };
    return text ?? positive ?? "";
  });
}
