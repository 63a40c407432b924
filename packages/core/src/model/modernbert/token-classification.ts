import type { Linear } from "../../nn/linear.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { PredictionHead } from "../../nn/prediction-head.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import type { ModelKind } from "../model-kind.ts";
import type { ForwardOptions } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import { dropRows } from "../sequence-classifier.ts";
import { TokenClassifier } from "../token-classifier.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertModel } from "./encoder.ts";
import { encoderKind } from "./kind.ts";
import { outputStd, predictionHead } from "./language-head.ts";
import { dropoutSite } from "./layer.ts";
import { classifier } from "./sequence-classification.ts";

/** An encoder with a score per label for each token. */
export class ModernBertForTokenClassification extends TokenClassifier<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = encoderKind;
  override readonly architecture: string = "ModernBertForTokenClassification";
  override readonly model: ModernBertModel;
  readonly head: PredictionHead;
  readonly classifier: Linear;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertModel(config, source.in("model"), this.runtime);
    this.head = predictionHead(source, config, { name: "head", or: "lm_head", std: outputStd(config) });
    this.classifier = classifier(source, config, true);
  }

  protected override classify(hidden: Tensor, { offsets }: PackedTokens, options: ForwardOptions): Tensor {
    const { classifierDropout: rate, numHiddenLayers } = this.config;
    const site = dropoutSite.classifier(numHiddenLayers);
    const dropped = dropRows(this.head.forward(hidden), options, "classifier", { rate, site, offsets });
    return this.classifier.forward(dropped);
  }
}
