import type { ParameterSource } from "../../nn/parameter-source.ts";
import { MaskedLM } from "../language-model.ts";
import type { ModelKind } from "../model-kind.ts";
import type { Runtime } from "../pretrained-model.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertModel } from "./encoder.ts";
import { encoderKind } from "./kind.ts";
import { ModernBertLanguageHead } from "./language-head.ts";

/** An encoder that predicts masked tokens. A decoder's folder is read too: its `lm_head` becomes the `head`. */
export class ModernBertForMaskedLM extends MaskedLM<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = encoderKind;
  override readonly architecture: string = "ModernBertForMaskedLM";
  override readonly model: ModernBertModel;
  override readonly head: ModernBertLanguageHead;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertModel(config, source.in("model"), this.runtime);
    const { weight } = this.model.embeddings;
    this.head = new ModernBertLanguageHead(source, config, weight, { name: "head", or: "lm_head" });
    this.config = this.head.describe(config);
  }
}
