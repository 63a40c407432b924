import type { ParameterSource } from "../../nn/parameter-source.ts";
import { segmentFirst } from "../../ops/segment-first.ts";
import { segmentMean } from "../../ops/segment-mean.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import type { ModelKind } from "../model-kind.ts";
import type { ForwardOptions } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import { SequenceClassifier } from "../sequence-classifier.ts";
import { ModernBertClassifierHead } from "./classifier-head.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertModel } from "./encoder.ts";
import { encoderKind } from "./kind.ts";

/** An encoder with a score per label: of its first token, or of the mean of all (`classifierPooling`). */
export class ModernBertForSequenceClassification extends SequenceClassifier<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = encoderKind;
  override readonly architecture: string = "ModernBertForSequenceClassification";
  override readonly model: ModernBertModel;
  readonly head: ModernBertClassifierHead;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertModel(config, source.in("model"), this.runtime);
    this.head = new ModernBertClassifierHead(source, config, { bias: true, or: "lm_head" });
  }

  protected override classify(hidden: Tensor, batch: PackedTokens, options: ForwardOptions): Tensor {
    const offsets = Tensor.from(batch.offsets, { device: hidden.device });
    const pool = this.config.classifierPooling === "mean" ? segmentMean : segmentFirst;
    return this.head.forward(pool(hidden, offsets), options);
  }
}
