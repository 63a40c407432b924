import type { ParameterSource } from "../../nn/parameter-source.ts";
import { tensorScope } from "../../tensor/scope.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import { type LogitsOptions, type LossOptions, rowLogits, type TokenTargets, targetLoss } from "../language-head.ts";
import type { ModelKind } from "../model-kind.ts";
import { PreTrainedModel, type Runtime } from "../pretrained-model.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertDecoderModel } from "./decoder.ts";
import { decoderKind } from "./kind.ts";
import { ModernBertLanguageHead } from "./language-head.ts";

/** A decoder that predicts the next token. */
export class ModernBertDecoderForCausalLM extends PreTrainedModel<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = decoderKind;
  override readonly architecture: string = "ModernBertDecoderForCausalLM";
  readonly model: ModernBertDecoderModel;
  /** Called `lm_head` in files. */
  readonly head: ModernBertLanguageHead;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertDecoderModel(config, source.in("model"), this.runtime);
    this.head = new ModernBertLanguageHead(source, config, this.model.embeddings.weight, {
      name: "lm_head",
      or: "head",
    });
    this.config = this.head.describe(config);
  }

  /** How many keys a token of a layer sees before and after its own place; null: all up to its own. */
  windowOf(layer: number): readonly [left: number, right: number] | null {
    return this.model.windowOf(layer);
  }

  /**
   * Scores over the vocabulary: row t scores what follows token t.
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

  /**
   * The cross-entropy of the targets, a float32 scalar.
   *
   * @param targets rows and the ids that follow them; `nextTokens(batch)` gives all
   */
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
