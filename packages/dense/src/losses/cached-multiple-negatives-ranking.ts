import {
  type CachedOptions,
  checkOptions,
  type OptionNames,
  type ResolvedCached,
  resolveCached,
  type TextEncoder,
} from "@ettin/core";
import {
  MultipleNegativesRankingLoss,
  type MultipleNegativesRankingOptions,
  rankingOptions,
} from "./multiple-negatives-ranking.ts";

export interface CachedMultipleNegativesRankingOptions extends MultipleNegativesRankingOptions, CachedOptions {}

const OPTIONS: OptionNames<CachedMultipleNegativesRankingOptions> = {
  ...rankingOptions,
  miniBatchSize: true,
  miniBatchNumTokens: true,
};

/**
 * `MultipleNegativesRankingLoss` for batches of any size: the texts are encoded in pieces, each a second time for its
 * gradient, and the scores are computed some rows at a time. Loss and gradient are those of the plain loss, to rounding,
 * with the same dropout. What is in memory: the activations of one piece, some rows of scores, and the embeddings of the
 * batch. A batch that fits into one piece is encoded once.
 *
 * Paper: https://arxiv.org/abs/2101.06983
 *
 * Formula, columns and labels as there.
 *
 * @example
 * const loss = new CachedMultipleNegativesRankingLoss(model, { miniBatchSize: 32 });
 * const args = { perDeviceTrainBatchSize: 1024 };
 */
export class CachedMultipleNegativesRankingLoss extends MultipleNegativesRankingLoss {
  override readonly name: string = "CachedMultipleNegativesRankingLoss";
  override readonly cached: ResolvedCached;

  constructor(model: TextEncoder, options: CachedMultipleNegativesRankingOptions = {}) {
    const {
      miniBatchSize: _,
      miniBatchNumTokens: __,
      ...ranking
    } = checkOptions("CachedMultipleNegativesRankingLoss", options, OPTIONS);
    super(model, ranking);
    this.cached = resolveCached("CachedMultipleNegativesRankingLoss", options);
  }

  override config(): Record<string, unknown> {
    return { ...super.config(), ...this.cached };
  }
}
