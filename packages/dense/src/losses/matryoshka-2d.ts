import { checkOptions, type EmbeddingLoss, type OptionNames } from "@ettin/core";
import {
  AdaptiveLayerLoss,
  type AdaptiveLayerOptions,
  adaptiveLayerOptions,
  type LayeredEncoder,
} from "./adaptive-layer.ts";
import type { SizedEncoder } from "./embed-distill.ts";
import { MatryoshkaLoss, type MatryoshkaOptions } from "./matryoshka.ts";

export interface Matryoshka2dOptions extends MatryoshkaOptions, AdaptiveLayerOptions {
  /**
   * How many dimensions each step takes, drawn anew; −1 for all.
   *
   * @default 1
   */
  nDimsPerStep?: number;
}

const OPTIONS: OptionNames<Matryoshka2dOptions> = {
  matryoshkaDims: true,
  matryoshkaWeights: true,
  nDimsPerStep: true,
  ...adaptiveLayerOptions,
};

/**
 * `AdaptiveLayerLoss` around `MatryoshkaLoss`: a model whose layers and whose embeddings may both be cut. By default
 * each step takes one dimension and one earlier layer.
 *
 * Paper: https://arxiv.org/abs/2402.14776
 *
 * Columns and labels are those of the inner loss.
 *
 * @example
 * const inner = new MultipleNegativesRankingLoss(model);
 * const loss = new Matryoshka2dLoss(model, inner, { matryoshkaDims: [768, 512, 256, 128, 64] });
 */
export class Matryoshka2dLoss extends AdaptiveLayerLoss {
  override readonly name: string = "Matryoshka2dLoss";

  constructor(model: LayeredEncoder & SizedEncoder, loss: EmbeddingLoss, options: Matryoshka2dOptions) {
    const {
      matryoshkaDims,
      matryoshkaWeights,
      nDimsPerStep = 1,
      ...layers
    } = checkOptions("Matryoshka2dLoss", options ?? {}, OPTIONS);
    const matryoshka = new MatryoshkaLoss(model, loss, {
      matryoshkaDims,
      nDimsPerStep,
      ...(matryoshkaWeights !== undefined && { matryoshkaWeights }),
    });
    super(model, matryoshka, layers);
  }
}
