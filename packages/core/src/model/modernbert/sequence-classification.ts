import { truncatedNormal } from "../../nn/initialisation.ts";
import { Linear } from "../../nn/linear.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { PredictionHead } from "../../nn/prediction-head.ts";
import { segmentFirst } from "../../ops/segment-first.ts";
import { segmentMean } from "../../ops/segment-mean.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import type { ModelKind } from "../model-kind.ts";
import type { ForwardOptions } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import { dropRows, SequenceClassifier } from "../sequence-classifier.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertModel } from "./encoder.ts";
import { encoderKind } from "./kind.ts";
import { outputStd, predictionHead } from "./language-head.ts";
import { dropoutSite } from "./layer.ts";

/** The last projection of a classifier. */
export function classifier(source: ParameterSource, config: ModernBertConfig, bias: boolean): Linear {
  const { hiddenSize, id2label, initializerCutoffFactor } = config;
  const init = truncatedNormal(1 / Math.sqrt(hiddenSize), initializerCutoffFactor ?? 3);
  return Linear.from(source.in("classifier"), { in: hiddenSize, out: id2label.length, bias, init });
}

/** An encoder with a score per label: of its first token, or of the mean of all (`classifierPooling`). */
export class ModernBertForSequenceClassification extends SequenceClassifier<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = encoderKind;
  override readonly architecture: string = "ModernBertForSequenceClassification";
  override readonly model: ModernBertModel;
  readonly head: PredictionHead;
  readonly classifier: Linear;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertModel(config, source.in("model"), this.runtime);
    this.head = predictionHead(source, config, { name: "head", or: "lm_head", std: outputStd(config) });
    this.classifier = classifier(source, config, true);
  }

  protected override classify(hidden: Tensor, batch: PackedTokens, options: ForwardOptions): Tensor {
    const { classifierPooling, classifierDropout, numHiddenLayers } = this.config;
    const offsets = Tensor.from(batch.offsets, { device: hidden.device });
    const pooled = classifierPooling === "mean" ? segmentMean(hidden, offsets) : segmentFirst(hidden, offsets);
    const site = dropoutSite.classifier(numHiddenLayers);
    const dropped = dropRows(this.head.forward(pooled), options, "classifier", { rate: classifierDropout, site });
    return this.classifier.forward(dropped);
  }
}
