import { truncatedNormal } from "../../nn/initialisation.ts";
import { Linear } from "../../nn/linear.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { PredictionHead } from "../../nn/prediction-head.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ForwardOptions } from "../packed-batch.ts";
import { dropRows } from "../sequence-classifier.ts";
import type { ModernBertConfig } from "./config.ts";
import { outputStd, predictionHead } from "./language-head.ts";
import { dropoutSite } from "./layer.ts";

/** Prediction head, dropout and a projection to the labels. */
export class ModernBertClassifierHead {
  private readonly head: PredictionHead;
  private readonly classifier: Linear;
  private readonly dropout: { readonly rate: number; readonly site: number };

  /** @param options `or`: what models of the other kind call the prediction head */
  constructor(source: ParameterSource, config: ModernBertConfig, { bias, or }: { bias: boolean; or?: string }) {
    const { hiddenSize, id2label, initializerCutoffFactor, classifierDropout: rate, numHiddenLayers } = config;
    this.head = predictionHead(source, config, { name: "head", ...(or && { or }), std: outputStd(config) });
    const init = truncatedNormal(1 / Math.sqrt(hiddenSize), initializerCutoffFactor ?? 3);
    this.classifier = Linear.from(source.in("classifier"), { in: hiddenSize, out: id2label.length, bias, init });
    this.dropout = { rate, site: dropoutSite.classifier(numHiddenLayers) };
  }

  /**
   * @param rows `[rows, hiddenSize]`
   * @param offsets where each text's rows start; default: one row per text
   * @returns `[rows, labels]`
   */
  forward(rows: Tensor, options: ForwardOptions, offsets?: Int32Array): Tensor {
    const draw = { ...this.dropout, ...(offsets && { offsets }) };
    return this.classifier.forward(dropRows(this.head.forward(rows), options, "classifier", draw));
  }
}
