import { EngineError } from "../errors.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { PackedTokens } from "../tokenizer/packed-tokens.ts";
import type { EncodeBatchOptions, Tokenizer } from "../tokenizer/tokenizer.ts";

/** A text, or a pair of texts that the model reads as one. */
export type TextOrPair = string | readonly [string, string];

export interface BatchOptions {
  /** Texts that go through the model together. @default 32 */
  batchSize?: number;
  /** What gives way where a text is longer than `maxLength`. @default false: one longer than the model is an error */
  truncation?: EncodeBatchOptions["truncation"];
  /** Tokens, special ones included, of which `truncation` leaves no more. @default the tokenizer's limit or the model's, the smaller */
  maxLength?: number;
  signal?: AbortSignal;
}

export const BATCH_OPTIONS: readonly (keyof BatchOptions)[] = ["batchSize", "truncation", "maxLength", "signal"];

/**
 * Encodes texts and runs a model on them, a batch at a time, without gradients. While one batch is computed the next is
 * encoded.
 *
 * @param where for messages
 * @param positions the most tokens that the model takes
 * @param run from a batch to rows, one per text; called in a scope
 * @returns the rows of all texts
 */
export async function inBatches(
  where: string,
  tokenizer: Tokenizer,
  texts: readonly TextOrPair[],
  positions: number,
  run: (batch: PackedTokens) => Tensor,
  { batchSize = 32, truncation = false, maxLength, signal }: BatchOptions,
): Promise<Float32Array[]> {
  if (!Array.isArray(texts)) {
    throw new EngineError(
      where,
      `the texts are ${texts === null ? "null" : `a ${typeof texts}`}`,
      "Pass a text, or a list of them.",
    );
  }
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new EngineError(where, `batchSize is ${batchSize}`, "Give a whole number from 1 on.");
  }
  const length = maxLength ?? (truncation === false ? undefined : Math.min(tokenizer.modelMaxLength, positions));
  const rows: Float32Array[] = [];
  let before: { values: Promise<Float32Array>; count: number } | null = null;
  const finish = async () => {
    if (!before) return;
    const values = await before.values;
    const width = values.length / before.count;
    for (let b = 0; b < before.count; b++) rows.push(values.slice(b * width, (b + 1) * width));
  };
  for (let first = 0; first < texts.length; first += batchSize) {
    signal?.throwIfAborted();
    const some = texts.slice(first, first + batchSize);
    const batch = await tokenizer.encodeBatch(some as readonly string[], {
      truncation,
      ...(length !== undefined && { maxLength: length }),
    });
    const values = tensorScope(() => [
      noGrad(() => run(batch))
        .to("float32")
        .data(),
    ])[0] as Promise<Float32Array>;
    values.catch(() => {}); // awaited below: not unhandled while the batch before it is
    await finish();
    before = { values, count: some.length };
  }
  await finish();
  return rows;
}
