import { setImmediate } from "node:timers/promises";
import type { PackedTexts } from "../columns/columns.ts";
import type { Device } from "../device.ts";
import { EngineError } from "../errors.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface SortedBatchOptions {
  /** Most texts that go through the model together. @default as many as `maxTokensPerBatch` lets in */
  batchSize?: number;
  /**
   * Most tokens that go through the model together; a longer text goes alone. It bounds the memory, and no result depends
   * on it.
   *
   * @default 1024; on a GPU 16384
   */
  maxTokensPerBatch?: number;
  /** Called as texts are done. */
  onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  signal?: AbortSignal;
}

/** What is done with texts. */
export interface BatchWork {
  /** Where `run` runs. */
  readonly device: Device;
  readonly tokenize: (texts: readonly string[]) => Promise<PackedTexts>;
  /** Runs a model on a batch; in a scope, without gradients. */
  readonly run: (batch: PackedTexts) => Tensor;
  /** Takes what `run` made; `rows[b]` is the place of the batch's text b among all texts. */
  readonly take: (values: Float32Array, rows: readonly number[], batch: PackedTexts) => void;
}

/** A processor's cache holds what so many tokens need; a GPU is not busy with so few. */
const MOST_TOKENS = 1024;
const MOST_TOKENS_OF_GPU = 16_384;

/** Batches that wait for the device or run on it: enough to keep it busy, few enough to stop soon. */
const MOST_UNDER_WAY = 4;

/** Characters that are tokenized at a time: few at first, so that the model starts soon, then as many as workers want. */
const FIRST_CHARACTERS = 1 << 14;
const MOST_CHARACTERS = 1 << 18;
const MOST_TEXTS = 4096;

/**
 * Runs a model on texts in batches of similar length, the longest first. While some are computed the next are tokenized;
 * a few batches at most are under way, so that a signal is obeyed soon and others who use the device have their turn.
 *
 * @throws what `tokenize` or `run` throws, or the signal's reason
 */
export async function inSortedBatches(
  where: string,
  texts: readonly string[],
  work: BatchWork,
  options: SortedBatchOptions = {},
): Promise<void> {
  const { onProgress, signal } = options;
  const mostTokens = work.device.backend.capabilities.hostMemory ? MOST_TOKENS : MOST_TOKENS_OF_GPU;
  const limits = {
    texts: limit(where, "batchSize", options.batchSize ?? Number.POSITIVE_INFINITY),
    tokens: limit(where, "maxTokensPerBatch", options.maxTokensPerBatch ?? mostTokens),
  };
  const lots = lotsOf(where, texts);
  signal?.throwIfAborted();
  const tokenize = (i: number) => {
    const lot = lots[i];
    const packed = lot ? work.tokenize(lot.map((row) => texts[row]!)) : null;
    packed?.catch(() => {}); // awaited below: not unhandled while the lot before it is
    return packed;
  };
  let done = 0;
  const underWay: Promise<void>[] = [];
  let next = tokenize(0);
  for (const [i, lot] of lots.entries()) {
    const packed = (await next)!;
    next = tokenize(i + 1);
    for (const { batch, numbers } of batchesOf(packed, limits)) {
      signal?.throwIfAborted();
      const [data] = noGrad(() => tensorScope(() => [work.run(batch).data()]));
      const read = data!.then((values) => {
        const rows = numbers.map((number) => lot[number]!);
        work.take(values as Float32Array, rows, batch);
        done += rows.length;
        onProgress?.({ done, total: texts.length });
      });
      read.catch(() => {}); // awaited below
      underWay.push(read);
      if (underWay.length >= MOST_UNDER_WAY) await underWay.shift();
      else await setImmediate(); // enqueuing a batch takes milliseconds: others have their turn in between
    }
  }
  await Promise.all(underWay);
  signal?.throwIfAborted();
}

function limit(where: string, name: string, value: number): number {
  if (value >= 1 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY)) return value;
  throw new EngineError(where, `${name} is ${value}`, "Use a whole number from 1.");
}

/** Numbers of texts, by falling length in characters, in lots. */
function lotsOf(where: string, texts: readonly string[]): number[][] {
  const order = texts.map((text, row) => {
    if (typeof text === "string") return row;
    const found = text === null ? "null" : `a ${typeof text}`;
    throw new EngineError(where, `text ${row} is ${found}, not a text`, "Pass strings.");
  });
  order.sort((a, b) => texts[b]!.length - texts[a]!.length || a - b);
  const lots: number[][] = [];
  let most = FIRST_CHARACTERS;
  for (let first = 0; first < order.length; ) {
    let [end, characters] = [first, 0];
    while (end < order.length && end - first < MOST_TEXTS && (end === first || characters < most)) {
      characters += texts[order[end++]!]!.length;
    }
    lots.push(order.slice(first, end));
    first = end;
    most = Math.min(MOST_CHARACTERS, 2 * most);
  }
  return lots;
}

interface Limits {
  readonly texts: number;
  readonly tokens: number;
}

/** Cuts packed texts into batches, the longest texts first; `numbers` are the texts' places in the whole. */
function batchesOf(packed: PackedTexts, limits: Limits): { batch: PackedTexts; numbers: number[] }[] {
  const { offsets } = packed;
  const length = (b: number) => offsets[b + 1]! - offsets[b]!;
  const order = Array.from({ length: offsets.length - 1 }, (_, b) => b).sort((a, b) => length(b) - length(a) || a - b);
  const batches: { batch: PackedTexts; numbers: number[] }[] = [];
  for (let first = 0; first < order.length; ) {
    let [end, tokens] = [first, 0];
    while (end < order.length && end - first < limits.texts) {
      const more = length(order[end]!);
      if (end > first && tokens + more > limits.tokens) break;
      tokens += more;
      end++;
    }
    const numbers = order.slice(first, end);
    batches.push({ batch: picked(packed, numbers), numbers });
    first = end;
  }
  return batches;
}

/** Some of the texts of a packed batch, in the order given. */
function picked({ tokens, offsets, tokenTypes, starts }: PackedTexts, numbers: readonly number[]): PackedTexts {
  const places = new Int32Array(numbers.length + 1);
  numbers.forEach((number, i) => {
    places[i + 1] = places[i]! + offsets[number + 1]! - offsets[number]!;
  });
  const gathered = (values: Int32Array): Int32Array => {
    const some = new Int32Array(places[numbers.length]!);
    numbers.forEach((number, i) => {
      some.set(values.subarray(offsets[number]!, offsets[number + 1]!), places[i]!);
    });
    return some;
  };
  return {
    tokens: gathered(tokens),
    offsets: places,
    ...(tokenTypes && { tokenTypes: gathered(tokenTypes) }),
    ...(starts && { starts: Int32Array.from(numbers, (number, i) => starts[number]! - offsets[number]! + places[i]!) }),
  };
}
