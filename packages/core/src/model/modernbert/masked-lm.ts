import type { ParameterSource } from "../../nn/parameter-source.ts";
import { tensorScope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import { type LogitsOptions, type LossOptions, rowLogits, type TokenTargets, targetLoss } from "../language-head.ts";
import type { ModelKind } from "../model-kind.ts";
import { PreTrainedModel, type Runtime } from "../pretrained-model.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertModel } from "./encoder.ts";
import { encoderKind } from "./kind.ts";
import { ModernBertLanguageHead } from "./language-head.ts";

/** An encoder that predicts masked tokens. */
export class ModernBertForMaskedLM extends PreTrainedModel<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = encoderKind;
  override readonly architecture: string = "ModernBertForMaskedLM";
  readonly model: ModernBertModel;
  readonly head: ModernBertLanguageHead;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertModel(config, source.in("model"), this.runtime);
    this.head = new ModernBertLanguageHead(source, config, this.model.embeddings.weight, {
      name: "head",
      or: "lm_head",
    });
    this.config = this.head.describe(config);
  }

  /**
   * Scores over the vocabulary.
   *
   * @returns `[rows, vocabSize]` of `computeDtype`: of `options.rows`, else of all tokens
   */
  forward(batch: PackedTokens, options: LogitsOptions = {}): Tensor {
    return tensorScope(() => rowLogits(this.head, this.model.forward(batch, options), options.rows));
  }

  /** Scores of hidden states that `model.forward` made: `[R, hiddenSize]` to `[R, vocabSize]`. */
  logits(hidden: Tensor): Tensor {
    return rowLogits(this.head, hidden, undefined);
  }

  /** The cross-entropy of the targets, a float32 scalar. */
  loss(batch: PackedTokens, targets: TokenTargets, options: LossOptions = {}): Tensor {
    return tensorScope(() =>
      targetLoss(this.architecture, this.head, this.model.forward(batch, options), targets, options.reduction),
    );
  }

  override dispose(): void {
    this.model.dispose();
    super.dispose();
  }
}
