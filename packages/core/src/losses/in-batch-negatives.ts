import { EngineError, expectShape } from "../errors.ts";
import { arange } from "../ops/arange.ts";
import { type CrossEntropyOptions, crossEntropy } from "../ops/cross-entropy.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface InBatchNegativesOptions {
  /**
   * The query that row 0 of the scores is: for a few rows of a larger batch.
   *
   * @default 0
   */
  first?: number;
  /** @default "mean" */
  reduction?: CrossEntropyOptions["reduction"];
}

/**
 * Every query should score its own document above all others in the batch (InfoNCE).
 *
 *     loss = mean_i( log Σ_j exp(s[i,j]) − s[i,i] )
 *
 * @param scores `[queries, documents]`, already divided by the temperature. Document `i` answers query `i`; columns
 *   from `queries` on are hard negatives.
 * @returns a scalar, or `[queries]` for reduction "none"
 * @see https://arxiv.org/abs/1807.03748
 */
export function inBatchNegatives(scores: Tensor, options: InBatchNegativesOptions = {}): Tensor {
  const { first = 0, reduction = "mean" } = options;
  const [queries, documents] = expectShape("inBatchNegatives", "scores", scores, ["queries", "documents"]);
  if (documents < first + queries) {
    throw new EngineError(
      "inBatchNegatives",
      `${first + queries} queries but ${documents} documents`,
      "Give each query its own document, in the same order, then any hard negatives.",
    );
  }
  return crossEntropy(scores, arange(first, first + queries, { device: scores.device }), { reduction });
}
