import { type CachedOptions, checkOptions, type OptionNames, type TextEncoder } from "@ettin/core";
import { CachedMultipleNegativesRankingLoss } from "./cached-multiple-negatives-ranking.ts";
import { type SymmetricRankingOptions, symmetricRankingOptions } from "./multiple-negatives-symmetric-ranking.ts";

const OPTIONS: OptionNames<SymmetricRankingOptions & CachedOptions> = {
  ...symmetricRankingOptions,
  miniBatchSize: true,
  miniBatchNumTokens: true,
};

/**
 * `MultipleNegativesSymmetricRankingLoss` for batches of any size, as `CachedMultipleNegativesRankingLoss` does it.
 *
 * @example
 * const loss = new CachedMultipleNegativesSymmetricRankingLoss(model, { miniBatchSize: 32 });
 */
export class CachedMultipleNegativesSymmetricRankingLoss extends CachedMultipleNegativesRankingLoss {
  override readonly name: string = "CachedMultipleNegativesSymmetricRankingLoss";

  constructor(model: TextEncoder, options: SymmetricRankingOptions & CachedOptions = {}) {
    checkOptions("CachedMultipleNegativesSymmetricRankingLoss", options, OPTIONS);
    super(model, { ...options, directions: ["queryToDoc", "docToQuery"], partitionMode: "perDirection" });
  }
}
