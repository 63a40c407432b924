/** A process of its own that embeds texts with an encoder and says how long that took and how much memory: its argument is a `Task`. */
import { readFileSync } from "node:fs";
import {
  l2Normalize,
  ModernBertModel,
  memoryStats,
  noGrad,
  type PackedTokens,
  segmentMean,
  Tensor,
  Tokenizer,
  tensorScope,
} from "@ettin/core";
import { peakMemory } from "./peak-memory.mjs";

export interface Task {
  /** Of the model, and of its tokenizer where `texts` are given. */
  folder: string;
  dtype: "float32" | "bfloat16";
  /** A JSON file: an array of texts, or of token counts. */
  inputs: string;
  maxLength: number;
  /** Tokens of a batch; a longer text is a batch of its own. */
  tokensPerBatch: number;
  repeats: number;
}

export interface Report {
  /** Of each call that embeds everything. */
  seconds: number[];
  tokens: number;
  texts: number;
  /** Megabytes of the process. */
  peak: number;
  /** Megabytes that the device holds in storages and beside them, afterwards. */
  held: number;
  device: string;
}

const task = JSON.parse(process.argv[2]!) as Task;
const inputs = JSON.parse(readFileSync(task.inputs, "utf8")) as string[] | number[];
const model = await ModernBertModel.fromPretrained(task.folder, { dtype: task.dtype });
const isText = typeof inputs[0] === "string";
const tokenizer = isText ? await Tokenizer.fromFolder(task.folder) : null;

const packed = (): Promise<PackedTokens> | PackedTokens => {
  if (tokenizer) {
    return tokenizer.encodeBatch(inputs as string[], { truncation: "longest_first", maxLength: task.maxLength });
  }
  const offsets = Int32Array.from([0, ...(inputs as number[])]);
  for (let i = 1; i < offsets.length; i++) offsets[i]! += offsets[i - 1]!;
  return { tokens: Int32Array.from({ length: offsets.at(-1)! }, (_, t) => (t * 7919) % 50000), offsets };
};

/** Sequences by length, the longest first, cut into batches of about `tokensPerBatch` tokens. */
function* batchesOf({ tokens, offsets }: PackedTokens): Generator<PackedTokens> {
  const length = (b: number): number => offsets[b + 1]! - offsets[b]!;
  const order = Array.from({ length: offsets.length - 1 }, (_, b) => b).sort((a, b) => length(b) - length(a));
  for (let first = 0; first < order.length; ) {
    let [end, size] = [first, 0];
    while (end < order.length && (end === first || size + length(order[end]!) <= task.tokensPerBatch)) {
      size += length(order[end++]!);
    }
    const batch = { tokens: new Int32Array(size), offsets: new Int32Array(end - first + 1) };
    for (let i = first, at = 0; i < end; i++) {
      batch.tokens.set(tokens.subarray(offsets[order[i]!]!, offsets[order[i]! + 1]!), at);
      at += length(order[i]!);
      batch.offsets[i - first + 1] = at;
    }
    yield batch;
    first = end;
  }
}

async function embedAll(): Promise<number> {
  const all = await packed();
  const reads: Promise<unknown>[] = [];
  for (const batch of batchesOf(all)) {
    const read = noGrad(() =>
      tensorScope(() => {
        const pooled = segmentMean(model.forward(batch), Tensor.from(batch.offsets));
        return { embeddings: l2Normalize(pooled).data() };
      }),
    );
    reads.push(read.embeddings);
  }
  await Promise.all(reads);
  return all.tokens.length;
}

let tokens = await embedAll();
const seconds: number[] = [];
for (let i = 0; i < task.repeats; i++) {
  const begin = performance.now();
  tokens = await embedAll();
  seconds.push((performance.now() - begin) / 1e3);
}
const { reserved, scratch, packed: copies } = memoryStats();
const report: Report = {
  seconds,
  tokens,
  texts: inputs.length,
  peak: peakMemory(),
  held: (reserved + scratch + copies) / 1e6,
  device: model.device.name,
};
console.log(JSON.stringify(report));
