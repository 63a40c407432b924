import { EngineError } from "../errors.ts";
import { type DropoutRates, drawAt } from "../nn/pass.ts";
import { dropout } from "../ops/dropout.ts";
import { tensorScope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { PackedTokens } from "../tokenizer/packed-tokens.ts";
import { type ClassLabels, classificationLoss, problemTypeOf } from "./classification-loss.ts";
import type { ModelConfig } from "./config.ts";
import { HeadModel } from "./head-model.ts";
import type { ForwardOptions } from "./packed-batch.ts";

/** A model with a score per label for each text. */
export abstract class SequenceClassifier<C extends ModelConfig = ModelConfig> extends HeadModel<C> {
  /** The scores of texts from their tokens' hidden states. */
  protected abstract classify(hidden: Tensor, batch: PackedTokens, options: ForwardOptions): Tensor;

  /**
   * Scores of the labels.
   *
   * @returns `[B, labels]` of `computeDtype`
   * @throws EngineError for an empty text
   */
  forward(batch: PackedTokens, options: ForwardOptions = {}): Tensor {
    const { offsets } = batch;
    const empty = offsets.findIndex((start, b) => b + 1 < offsets.length && offsets[b + 1] === start);
    if (empty >= 0) {
      throw new EngineError(this.architecture, `text ${empty} has no tokens`, "A classifier needs one at least.");
    }
    return tensorScope(() => this.classify(this.model.forward(batch, options), batch, options));
  }

  /**
   * The mean loss. What kind it is comes from `config.problemType`, which the first call decides where it is null: one
   * label in the configuration means regression, whole numbers one label of many, lists any number of labels.
   */
  loss(batch: PackedTokens, labels: ClassLabels, options: ForwardOptions = {}): Tensor {
    const problemType = problemTypeOf(this.config, labels);
    if (this.config.problemType === null) this.config = { ...this.config, problemType };
    return tensorScope(() => classificationLoss(this.architecture, this.forward(batch, options), labels, problemType));
  }
}

/**
 * Drops channels of rows that are not the batch's own, such as one per text.
 *
 * @param offsets where each sequence's rows start; default: one row per sequence
 */
export function dropRows(
  x: Tensor,
  options: ForwardOptions,
  place: keyof DropoutRates,
  { rate, site, offsets }: { rate: number; site: number; offsets?: Int32Array },
): Tensor {
  if (!options.dropout) return x;
  const rows = offsets ?? Int32Array.from({ length: x.shape[0]! + 1 }, (_, b) => b);
  const { sequences } = options.dropout;
  const { device } = x;
  const pass = {
    offsets: Tensor.from(rows, { device }),
    longest: 0,
    cache: null,
    draw: options.dropout,
    sequences: sequences ? Tensor.from(sequences, { device }) : null,
  };
  const draw = drawAt(pass, place, rate, site);
  return draw ? dropout(x, draw) : x;
}
