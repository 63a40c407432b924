import type { Linear } from "../../nn/linear.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { PredictionHead } from "../../nn/prediction-head.ts";
import { segmentLast } from "../../ops/segment-last.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import type { ModelKind } from "../model-kind.ts";
import type { ForwardOptions } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import { dropRows, SequenceClassifier } from "../sequence-classifier.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertDecoderModel } from "./decoder.ts";
import { decoderKind } from "./kind.ts";
import { outputStd, predictionHead } from "./language-head.ts";
import { dropoutSite } from "./layer.ts";
import { classifier } from "./sequence-classification.ts";

/** A decoder with a score per label, of each text's last token. */
export class ModernBertDecoderForSequenceClassification extends SequenceClassifier<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = decoderKind;
  override readonly architecture: string = "ModernBertDecoderForSequenceClassification";
  override readonly model: ModernBertDecoderModel;
  readonly head: PredictionHead;
  readonly classifier: Linear;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertDecoderModel(config, source.in("model"), this.runtime);
    this.head = predictionHead(source, config, { name: "head", std: outputStd(config) });
    this.classifier = classifier(source, config, config.classifierBias);
  }

  protected override classify(hidden: Tensor, { offsets }: PackedTokens, options: ForwardOptions): Tensor {
    const { classifierDropout: rate, numHiddenLayers } = this.config;
    const last = segmentLast(hidden, Tensor.from(offsets, { device: hidden.device }));
    const site = dropoutSite.classifier(numHiddenLayers);
    return this.classifier.forward(dropRows(this.head.forward(last), options, "classifier", { rate, site }));
  }
}
