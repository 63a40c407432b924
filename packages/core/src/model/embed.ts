import { l2Normalize } from "../ops/l2-normalize.ts";
import { segmentFirst } from "../ops/segment-first.ts";
import { segmentLast } from "../ops/segment-last.ts";
import { segmentMean } from "../ops/segment-mean.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { BaseModel } from "./base-model.ts";
import { type BatchOptions, inBatches, type TextOrPair } from "./in-batches.ts";

export interface EmbedOptions extends BatchOptions {
  /**
   * How a text's tokens become one vector: their mean, the first, or the last.
   *
   * @default "mean"
   */
  pooling?: "mean" | "cls" | "last";
  /** Brings each vector to length 1. @default false */
  normalize?: boolean;
}

const pools = { mean: segmentMean, cls: segmentFirst, last: segmentLast } as const;

/**
 * One vector per text, from the last hidden states of a model without a head.
 *
 * @returns `[hiddenSize]` for each text, in order
 * @throws EngineError for a text longer than the model, unless `truncation` says what to cut
 */
export function embed(
  model: BaseModel,
  tokenizer: Tokenizer,
  texts: readonly TextOrPair[],
  { pooling = "mean", normalize = false, ...options }: EmbedOptions = {},
): Promise<Float32Array[]> {
  const run = ({ offsets, ...batch }: Parameters<BaseModel["forward"]>[0]) => {
    const hidden = model.forward({ ...batch, offsets });
    const pooled = pools[pooling](hidden, Tensor.from(offsets, { device: hidden.device }));
    return normalize ? l2Normalize(pooled) : pooled;
  };
  return inBatches(tokenizer, texts, run, options);
}
