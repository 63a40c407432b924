import { normal, zeros } from "../../nn/initialisation.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import { PredictionHead } from "../../nn/prediction-head.ts";
import type { VocabularyProjection } from "../language-head.ts";
import { MaskedLM } from "../language-model.ts";
import type { ModelKind } from "../model-kind.ts";
import type { Runtime } from "../pretrained-model.ts";
import type { BertConfig } from "./config.ts";
import { bertKind } from "./kind.ts";
import { BertModel } from "./model.ts";

/** A BERT encoder that predicts masked tokens. */
export class BertForMaskedLM extends MaskedLM<BertConfig> {
  static readonly kind: ModelKind<BertConfig> = bertKind;
  override readonly architecture: string = "BertForMaskedLM";
  override readonly model: BertModel;
  override readonly head: VocabularyProjection;

  constructor(config: BertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new BertModel(config, source.in("bert"), this.runtime, { pooler: false });
    const predictions = source.in("cls.predictions");
    const init = normal(config.initializerRange);
    const transform = new PredictionHead(predictions.in("transform"), {
      dim: config.hiddenSize,
      activation: config.hiddenAct,
      bias: true,
      init,
      norm: { bias: true, eps: config.layerNormEps },
      names: { dense: "dense", norm: "LayerNorm" },
    });
    const table = this.model.embeddings.weight;
    const decoder = predictions.in("decoder");
    const weight = decoder.tied("weight", table, config.tieWordEmbeddings, init);
    // Where nothing is tied this bias is in the files, as transformers 5 has it, and the decoder has one of its own.
    const shared = predictions.tensor("bias", [config.vocabSize], zeros);
    const bias = decoder.tied("bias", shared, config.tieWordEmbeddings, zeros);
    this.head = { transform: (hidden) => transform.forward(hidden), weight, bias };
    this.config = { ...config, tieWordEmbeddings: weight === table };
  }
}
