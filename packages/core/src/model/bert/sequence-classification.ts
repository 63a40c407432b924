import { normal } from "../../nn/initialisation.ts";
import { Linear } from "../../nn/linear.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import type { ModelKind } from "../model-kind.ts";
import type { ForwardOptions } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import { dropRows, SequenceClassifier } from "../sequence-classifier.ts";
import type { BertConfig } from "./config.ts";
import { bertKind } from "./kind.ts";
import { BertModel } from "./model.ts";

/** A BERT encoder with a score per label, from the pooler's vector. */
export class BertForSequenceClassification extends SequenceClassifier<BertConfig> {
  static readonly kind: ModelKind<BertConfig> = bertKind;
  override readonly architecture: string = "BertForSequenceClassification";
  override readonly model: BertModel;
  readonly classifier: Linear;

  constructor(config: BertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    const { hiddenSize, id2label, initializerRange } = config;
    this.model = new BertModel(config, source.in("bert"), this.runtime);
    this.classifier = Linear.from(source.in("classifier"), {
      in: hiddenSize,
      out: id2label.length,
      bias: true,
      init: normal(initializerRange),
    });
  }

  protected override classify(hidden: Tensor, batch: PackedTokens, options: ForwardOptions): Tensor {
    const { classifierDropout, hiddenDropoutProb, numHiddenLayers } = this.config;
    const rate = classifierDropout ?? hiddenDropoutProb;
    const pooled = this.model.pooled(hidden, batch);
    return this.classifier.forward(dropRows(pooled, options, "classifier", { rate, site: 1 + 4 * numHiddenLayers }));
  }
}
