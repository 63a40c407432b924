import {
  type Device,
  EngineError,
  inSortedBatches,
  l2Normalize,
  type PackedTexts,
  type SortedBatchOptions,
  slice,
  type Tensor,
} from "@ettin/core";

/** What encoding needs of a model. */
export interface EncodeWork {
  readonly where: string;
  readonly device: Device;
  readonly tokenize: (texts: readonly string[]) => Promise<PackedTexts>;
  /** A row per text, or where `rows` is "tokens" a row per token. */
  readonly forward: (batch: PackedTexts) => Tensor;
  readonly rows: "texts" | "tokens";
  readonly truncateDim: number | null;
  readonly normalize: boolean;
}

/**
 * Rows of texts, in the texts' order.
 *
 * @returns views of one buffer; with rows of tokens an array for each text
 */
export async function encodeTexts(
  texts: readonly string[],
  work: EncodeWork,
  options: SortedBatchOptions,
): Promise<Float32Array[]> {
  const { where, truncateDim, rows } = work;
  if (truncateDim !== null && !(Number.isInteger(truncateDim) && truncateDim > 0)) {
    throw new EngineError(where, `truncateDim is ${truncateDim}`, "Use a whole number of dimensions from 1, or null.");
  }
  const run = (batch: PackedTexts): Tensor => {
    const made = work.forward(batch).to("float32");
    const cut = rows === "texts" && truncateDim !== null && truncateDim < made.shape[1]!;
    const kept = cut ? slice(made, 0, truncateDim, 1) : made;
    return work.normalize && rows === "texts" ? l2Normalize(kept) : kept;
  };
  const { device, tokenize } = work;
  if (rows === "tokens") {
    const found = new Array<Float32Array>(texts.length);
    const take = (values: Float32Array, numbers: readonly number[], { offsets }: PackedTexts) => {
      const width = values.length / Math.max(1, offsets.at(-1)!);
      numbers.forEach((number, b) => {
        found[number] = values.slice(offsets[b]! * width, offsets[b + 1]! * width);
      });
    };
    await inSortedBatches(where, texts, { device, tokenize, run, take }, options);
    return found;
  }
  let dim = 0; // known from the first batch: the last module of a list need not be the one that makes the row
  let all = new Float32Array(0);
  const take = (values: Float32Array, numbers: readonly number[]) => {
    if (all.length === 0) {
      dim = values.length / numbers.length;
      all = new Float32Array(texts.length * dim);
    }
    numbers.forEach((number, b) => {
      all.set(values.subarray(b * dim, (b + 1) * dim), number * dim);
    });
  };
  await inSortedBatches(where, texts, { device, tokenize, run, take }, options);
  return Array.from(texts, (_, i) => all.subarray(i * dim, (i + 1) * dim));
}
