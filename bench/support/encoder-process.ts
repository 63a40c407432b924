/** A process of its own that embeds texts and says how long that took and how much memory: its argument is a `Task`. */
import { readFileSync } from "node:fs";
import { memoryStats } from "@ettin/core";
import { SentenceTransformer } from "@ettin/dense";
import { peakMemory } from "./peak-memory.mjs";

export interface Task {
  /** Of the encoder and its tokenizer. */
  folder: string;
  dtype: "float32" | "bfloat16";
  /** A JSON file: an array of texts. */
  inputs: string;
  maxLength: number;
  repeats: number;
}

export interface Report {
  /** Of each call that embeds everything. */
  seconds: number[];
  tokens: number;
  /** Megabytes of the process. */
  peak: number;
  /** Megabytes that the device holds in storages and beside them, afterwards. */
  held: number;
}

const task = JSON.parse(process.argv[2]!) as Task;
const texts = JSON.parse(readFileSync(task.inputs, "utf8")) as string[];
const model = await SentenceTransformer.fromPretrained(task.folder, { dtype: task.dtype });
model.maxSeqLength = task.maxLength;

await model.encode(texts);
const seconds: number[] = [];
for (let i = 0; i < task.repeats; i++) {
  const begin = performance.now();
  await model.encode(texts);
  seconds.push((performance.now() - begin) / 1e3);
}
const { reserved, scratch, packed } = memoryStats();
const report: Report = {
  seconds,
  tokens: (await model.tokenize(texts)).tokens.length,
  peak: peakMemory(),
  held: (reserved + scratch + packed) / 1e6,
};
console.log(JSON.stringify(report));
