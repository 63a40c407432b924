import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import type { ModelKind } from "../model-kind.ts";
import type { ForwardOptions } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import { TokenClassifier } from "../token-classifier.ts";
import { ModernBertClassifierHead } from "./classifier-head.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertModel } from "./encoder.ts";
import { encoderKind } from "./kind.ts";

/** An encoder with a score per label for each token. */
export class ModernBertForTokenClassification extends TokenClassifier<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = encoderKind;
  override readonly architecture: string = "ModernBertForTokenClassification";
  override readonly model: ModernBertModel;
  readonly head: ModernBertClassifierHead;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertModel(config, source.in("model"), this.runtime);
    this.head = new ModernBertClassifierHead(source, config, { bias: true, or: "lm_head" });
  }

  protected override classify(hidden: Tensor, { offsets }: PackedTokens, options: ForwardOptions): Tensor {
    return this.head.forward(hidden, options, offsets);
  }
}
