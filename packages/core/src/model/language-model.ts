import { generate } from "../generation/generate.ts";
import type { GeneratedSequence, GenerateOptions } from "../generation/generate-options.ts";
import type { Prompts } from "../generation/generation-request.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import type { Json } from "./config-fields.ts";
import type { Generative } from "./generative.ts";
import { HeadModel } from "./head-model.ts";
import {
  type LogitsOptions,
  type LossOptions,
  rowLogits,
  type TokenTargets,
  targetLoss,
  type VocabularyProjection,
} from "./language-head.ts";
import type { TokenBatch } from "./packed-batch.ts";

/** A model with scores over the vocabulary. */
export abstract class LanguageModel<C extends ModelConfig = ModelConfig> extends HeadModel<C> {
  /** What stands between hidden states and scores. */
  abstract readonly head: VocabularyProjection;

  /**
   * Scores over the vocabulary.
   *
   * @returns `[rows, vocabSize]` of `computeDtype`: of `options.rows`, else of all tokens
   */
  forward(batch: TokenBatch, options: LogitsOptions = {}): Tensor {
    return tensorScope(() => rowLogits(this.head, this.model.forward(batch, options), options.rows));
  }

  /** Scores of hidden states that `model.forward` made: `[R, hiddenSize]` to `[R, vocabSize]`. */
  logits(hidden: Tensor): Tensor {
    return rowLogits(this.head, hidden, undefined);
  }

  /** The cross-entropy of the targets, a float32 scalar; the matrix of scores is never made. */
  loss(batch: TokenBatch, targets: TokenTargets, options: LossOptions = {}): Tensor {
    return tensorScope(() =>
      targetLoss(this.architecture, this.head, this.model.forward(batch, options), targets, options.reduction),
    );
  }
}

/** An encoder that predicts masked tokens: row t scores token t. */
export abstract class MaskedLM<C extends ModelConfig = ModelConfig> extends LanguageModel<C> {}

/** A decoder that predicts the next token: row t scores what follows token t. */
export abstract class CausalLM<C extends ModelConfig = ModelConfig> extends LanguageModel<C> implements Generative {
  generationConfig: Json | null = null;
  generationConfigFile = "generation_config.json";

  /** Continues prompts: `generate` with this model. */
  generate(prompts: Prompts, options: GenerateOptions = {}): Promise<GeneratedSequence[]> {
    return generate(this, prompts, options);
  }

  /** How many keys a token of a layer sees before and after its own place; null: all up to its own. */
  windowOf(layer: number): readonly [left: number, right: number] | null {
    return this.model.windowOf(layer);
  }
}
