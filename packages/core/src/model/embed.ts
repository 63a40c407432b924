import { EngineError } from "../errors.ts";
import { checkOptionNames } from "../known-options.ts";
import { l2Normalize } from "../ops/l2-normalize.ts";
import { segmentFirst } from "../ops/segment-first.ts";
import { segmentLast } from "../ops/segment-last.ts";
import { segmentMean } from "../ops/segment-mean.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { BaseModel } from "./base-model.ts";
import { HeadModel } from "./head-model.ts";
import { BATCH_OPTIONS, type BatchOptions, inBatches, type TextOrPair } from "./in-batches.ts";

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
 * One vector per text, from the last hidden states of a model; of one with a head, those below it.
 *
 * @param texts a text, or texts or pairs of texts
 * @returns `[hiddenSize]`, of the text or of each of the texts in order
 * @throws EngineError for a text longer than the model, unless `truncation` says what to cut
 */
export async function embed(
  model: BaseModel | HeadModel,
  tokenizer: Tokenizer,
  text: string,
  options?: EmbedOptions,
): Promise<Float32Array>;
export async function embed(
  model: BaseModel | HeadModel,
  tokenizer: Tokenizer,
  texts: readonly TextOrPair[],
  options?: EmbedOptions,
): Promise<Float32Array[]>;
export async function embed(
  model: BaseModel | HeadModel,
  tokenizer: Tokenizer,
  texts: string | readonly TextOrPair[],
  options: EmbedOptions = {},
): Promise<Float32Array | Float32Array[]> {
  if (typeof texts === "string") return (await embed(model, tokenizer, [texts], options))[0]!;
  checkOptionNames("embed", options, ["pooling", "normalize", ...BATCH_OPTIONS]);
  const { pooling = "mean", normalize = false, ...batching } = options;
  if (!Object.hasOwn(pools, pooling)) {
    throw new EngineError("embed", `pooling is ${JSON.stringify(pooling)}`, 'Use "mean", "cls" or "last".');
  }
  const base = model instanceof HeadModel ? model.model : model;
  const run = ({ offsets, ...batch }: Parameters<BaseModel["forward"]>[0]) => {
    const hidden = base.forward({ ...batch, offsets });
    const pooled = pools[pooling](hidden, Tensor.from(offsets, { device: hidden.device }));
    return normalize ? l2Normalize(pooled) : pooled;
  };
  return inBatches("embed", tokenizer, texts, base.config.maxPositionEmbeddings, run, batching);
}
