import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import type { ForwardOptions, TokenBatch } from "./packed-batch.ts";
import { PreTrainedModel } from "./pretrained-model.ts";

/** A model without a head: tokens to hidden states. */
export abstract class BaseModel<C extends ModelConfig = ModelConfig> extends PreTrainedModel<C> {
  /**
   * The last hidden states of packed texts.
   *
   * @returns `[T, hiddenSize]` of `computeDtype`
   * @throws EngineError for a text longer than `maxPositionEmbeddings`, or an id outside the vocabulary
   */
  abstract forward(batch: TokenBatch, options?: ForwardOptions): Tensor;

  /**
   * The embedding, the output of each layer, and the last as `forward` gives it (as transformers 5).
   *
   * @returns `numHiddenLayers + 1` tensors `[T, hiddenSize]`
   */
  abstract hiddenStates(batch: TokenBatch, options?: ForwardOptions): Tensor[];

  /** How many keys a token of a layer sees before and after its own place; null: all that the mask allows. */
  windowOf(_layer: number): readonly [left: number, right: number] | null {
    return null;
  }
}
