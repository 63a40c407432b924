import type { ParameterSource } from "../../nn/parameter-source.ts";
import { segmentLast } from "../../ops/segment-last.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { PackedTokens } from "../../tokenizer/packed-tokens.ts";
import type { ModelKind } from "../model-kind.ts";
import type { ForwardOptions } from "../packed-batch.ts";
import type { Runtime } from "../pretrained-model.ts";
import { SequenceClassifier } from "../sequence-classifier.ts";
import { ModernBertClassifierHead } from "./classifier-head.ts";
import type { ModernBertConfig } from "./config.ts";
import { ModernBertDecoderModel } from "./decoder.ts";
import { decoderKind } from "./kind.ts";

/** A decoder with a score per label, of each text's last token. */
export class ModernBertDecoderForSequenceClassification extends SequenceClassifier<ModernBertConfig> {
  static readonly kind: ModelKind<ModernBertConfig> = decoderKind;
  override readonly architecture: string = "ModernBertDecoderForSequenceClassification";
  override readonly model: ModernBertDecoderModel;
  readonly head: ModernBertClassifierHead;

  constructor(config: ModernBertConfig, source: ParameterSource, runtime?: Runtime) {
    super(config, source, runtime);
    this.model = new ModernBertDecoderModel(config, source.in("model"), this.runtime);
    this.head = new ModernBertClassifierHead(source, config, { bias: config.classifierBias });
  }

  protected override classify(hidden: Tensor, { offsets }: PackedTokens, options: ForwardOptions): Tensor {
    return this.head.forward(segmentLast(hidden, Tensor.from(offsets, { device: hidden.device })), options);
  }
}
