import type { ParameterSource } from "../../nn/parameter-source.ts";
import { CausalLM } from "../language-model.ts";
import type { ModelKind } from "../model-kind.ts";
import type { Runtime } from "../pretrained-model.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertDecoderModel } from "./decoder.ts";
import { decoderKind } from "./kind.ts";
import { ModernBertLanguageHead } from "./language-head.ts";

/** A decoder that predicts the next token. An encoder's folder is read too: its `head` becomes the `lm_head`. */
export class ModernBertDecoderForCausalLM extends CausalLM<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = decoderKind;
  override readonly architecture: string = "ModernBertDecoderForCausalLM";
  override readonly model: ModernBertDecoderModel;
  /** Called `lm_head` and `decoder` in files. */
  override readonly head: ModernBertLanguageHead;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertDecoderModel(config, source.in("model"), this.runtime);
    const { weight } = this.model.embeddings;
    this.head = new ModernBertLanguageHead(source, config, weight, { name: "lm_head", or: "head" });
    this.config = this.head.describe(config);
  }
}
