import { truncatedNormal, zeros } from "../../nn/initialisation.ts";
import type { ParameterSource } from "../../nn/parameter-source.ts";
import { PredictionHead } from "../../nn/prediction-head.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { VocabularyProjection } from "../language-head.ts";
import type { ModernBertConfig } from "./config.ts";

/** A ModernBERT prediction head. `or` is what models of the other kind call it. */
export function predictionHead(
  source: ParameterSource,
  config: ModernBertConfig,
  { name, or, std }: { name: string; or?: string; std: number },
): PredictionHead {
  return new PredictionHead(source.in(name, or === undefined ? {} : { or }), {
    dim: config.hiddenSize,
    activation: config.classifierActivation,
    bias: config.classifierBias,
    init: truncatedNormal(std, config.initializerCutoffFactor ?? 3),
    norm: { bias: config.normBias, eps: config.normEps },
  });
}

/** The spread of weights that lead back to the stream, or out of the model. */
export const outputStd = (config: ModernBertConfig): number =>
  config.initializerRange / Math.sqrt(2 * config.numHiddenLayers);

/** Prediction head and projection to the vocabulary, which is the embedding table where the model is tied. */
export class ModernBertLanguageHead implements VocabularyProjection {
  readonly head: PredictionHead;
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  private readonly tied: boolean;

  /** @param names the head's prefix in files, and what models of the other kind call it */
  constructor(source: ParameterSource, config: ModernBertConfig, table: Tensor, names: { name: string; or: string }) {
    const cutoff = config.initializerCutoffFactor ?? 3;
    // The recipe draws the dense layer as wide as projections into a sublayer; transformers draws one that a file lacks
    // as those out of it.
    const std = source.loads ? outputStd(config) : config.initializerRange;
    this.head = predictionHead(source, config, { ...names, std });
    const decoder = source.in("decoder");
    const init = truncatedNormal(source.loads ? outputStd(config) : 1 / Math.sqrt(config.hiddenSize), cutoff);
    this.weight = decoder.tied("weight", table, config.tieWordEmbeddings, init);
    this.bias = config.decoderBias ? decoder.tensor("bias", [config.vocabSize], zeros) : null;
    this.tied = this.weight === table;
  }

  transform(hidden: Tensor): Tensor {
    return this.head.forward(hidden);
  }

  /** The configuration with what the weights say: a file may hold two different tables. */
  describe(config: ModernBertConfig): ModernBertConfig {
    return config.tieWordEmbeddings === this.tied ? config : { ...config, tieWordEmbeddings: this.tied };
  }
}
