import { checkOptions, type OptionNames, type TextEncoder } from "@ettin/core";
import { MultipleNegativesRankingLoss, type MultipleNegativesRankingOptions } from "./multiple-negatives-ranking.ts";

/** The options of the ranking losses whose directions are settled. */
export type SymmetricRankingOptions = Pick<MultipleNegativesRankingOptions, "scale" | "similarityFct">;

export const symmetricRankingOptions: OptionNames<SymmetricRankingOptions> = { scale: true, similarityFct: true };

/**
 * `MultipleNegativesRankingLoss` in both directions: each anchor should find its positive among all documents, and each
 * positive its anchor among all anchors. The mean of both losses.
 *
 *     loss = ½ mean_i( log Σ_j exp(scale · s(a_i, d_j)) + log Σ_j exp(scale · s(a_j, p_i)) ) − mean_i scale · s(a_i, p_i)
 *
 * Paper: https://arxiv.org/abs/2310.19923
 *
 * Columns and labels as there. It is that loss with `directions: ["queryToDoc", "docToQuery"]` and `partitionMode:
 * "perDirection"`.
 *
 * @example
 * const loss = new MultipleNegativesSymmetricRankingLoss(model);
 */
export class MultipleNegativesSymmetricRankingLoss extends MultipleNegativesRankingLoss {
  override readonly name: string = "MultipleNegativesSymmetricRankingLoss";

  constructor(model: TextEncoder, options: SymmetricRankingOptions = {}) {
    const { scale, similarityFct } = checkOptions(
      "MultipleNegativesSymmetricRankingLoss",
      options,
      symmetricRankingOptions,
    );
    super(model, {
      ...(scale !== undefined && { scale }),
      ...(similarityFct !== undefined && { similarityFct }),
      directions: ["queryToDoc", "docToQuery"],
      partitionMode: "perDirection",
    });
  }
}
