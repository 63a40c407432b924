/** A process of its own that continues prompts with a decoder and says how long a token took: its argument is a `Task`. */
import { generate, ModernBertDecoderForCausalLM } from "@ettin/core";
import { peakMemory } from "./peak-memory.mjs";
import { Reading } from "./reading.mjs";

export interface Task {
  /** Of the model. */
  folder: string;
  dtype: "float32" | "bfloat16";
  batch: number;
  promptTokens: number;
  newTokens: number;
  repeats: number;
}

export interface Report {
  /** Milliseconds to the first token of all prompts, and of one more token of each: medians. */
  firstMs: number;
  stepMs: number;
  /** Bytes of weights that a step reads, over the bytes that are read in the time of a step. */
  readShare: number;
  /** Bytes per second, read only. */
  readRate: number;
  /** Megabytes of the process. */
  peak: number;
  device: string;
}

const task = JSON.parse(process.argv[2]!) as Task;
const model = await ModernBertDecoderForCausalLM.fromPretrained(task.folder, { dtype: task.dtype });
const prompts = Array.from({ length: task.batch }, (_, b) =>
  Array.from({ length: task.promptTokens }, (_, i) => 1000 + ((b * 7919 + i * i * 31 + i * 17) % 40000)),
);

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

async function timed(maxNewTokens: number): Promise<number> {
  const begin = performance.now();
  const sequences = await generate(model, prompts, { maxNewTokens, eosTokenId: null });
  if (sequences.some(({ ids }) => ids.length !== maxNewTokens)) throw new Error("[bench] a sequence ended early");
  return performance.now() - begin;
}

await timed(8);
const peak = peakMemory(); // before memory is taken to be read below
const bytes = model.parameters().reduce((sum, { size }) => sum + size, 0) * (task.dtype === "float32" ? 4 : 2);
const reading = new Reading(model.device);
const [first, step, shares, rates]: [number[], number[], number[], number[]] = [[], [], [], []];
for (let i = 0; i < task.repeats; i++) {
  const before = await reading.slice();
  const one = await timed(1);
  const all = await timed(task.newTokens);
  const after = await reading.slice();
  const own = (all - one) / (task.newTokens - 1);
  first.push(one);
  step.push(own);
  rates.push(before, after);
  shares.push((1e3 * bytes) / own / ((before + after) / 2));
}
const report: Report = {
  firstMs: median(first),
  stepMs: median(step),
  readShare: median(shares),
  readRate: median(rates),
  peak,
  device: model.device.name,
};
console.log(JSON.stringify(report));
