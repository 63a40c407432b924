import { normal } from "../../nn/initialisation.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { VocabularyProjection } from "../language-head.ts";
import { CausalLM } from "../language-model.ts";
import type { ModelKind } from "../model-kind.ts";
import type { Runtime } from "../pretrained-model.ts";
import type { LlamaConfig } from "./config.ts";
import { llamaKind } from "./kind.ts";
import { LlamaModel } from "./model.ts";

/** A Llama decoder that predicts the next token (Llama 3.2, SmolLM2). */
export class LlamaForCausalLM extends CausalLM<LlamaConfig> {
  static readonly kind: ModelKind<LlamaConfig> = llamaKind;
  override readonly architecture: string = "LlamaForCausalLM";
  override readonly model: LlamaModel;
  override readonly head: VocabularyProjection;

  constructor(config: LlamaConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new LlamaModel(config, source.in("model"), this.runtime);
    const table = this.model.embeddings.weight;
    const init = normal(config.initializerRange);
    const weight = source.in("lm_head").tied("weight", table, config.tieWordEmbeddings, init);
    this.head = { transform: (hidden) => hidden, weight, bias: null };
    this.config = { ...config, tieWordEmbeddings: weight === table };
  }
}
