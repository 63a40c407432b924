import { crossEntropy } from "../ops/cross-entropy.ts";
import { gather } from "../ops/gather.ts";
import { tensorScope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { PackedTokens } from "../tokenizer/packed-tokens.ts";
import type { ModelConfig } from "./config.ts";
import { HeadModel } from "./head-model.ts";
import { checkTargets, type TokenTargets } from "./language-head.ts";
import type { ForwardOptions } from "./packed-batch.ts";

/** A model with a score per label for each token. */
export abstract class TokenClassifier<C extends ModelConfig = ModelConfig> extends HeadModel<C> {
  /** The scores of tokens from their hidden states. */
  protected abstract classify(hidden: Tensor, batch: PackedTokens, options: ForwardOptions): Tensor;

  /**
   * Scores of the labels.
   *
   * @returns `[T, labels]` of `computeDtype`
   */
  forward(batch: PackedTokens, options: ForwardOptions = {}): Tensor {
    return tensorScope(() => this.classify(this.model.forward(batch, options), batch, options));
  }

  /** The mean cross-entropy of the rows that have a label; `ids` are the labels' numbers. */
  loss(batch: PackedTokens, targets: TokenTargets, options: ForwardOptions = {}): Tensor {
    checkTargets(this.architecture, targets, batch.tokens.length, this.config.id2label.length);
    return tensorScope(() => {
      const scores = this.forward(batch, options);
      const int32 = (values: Int32Array) => Tensor.from(values, { device: scores.device });
      return crossEntropy(gather(scores, int32(targets.rows)).to("float32"), int32(targets.ids));
    });
  }
}
