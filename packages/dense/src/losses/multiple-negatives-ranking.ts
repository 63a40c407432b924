import {
  type Columns,
  checkOptions,
  dotScore,
  EmbeddingLoss,
  expectColumns,
  l2Normalize,
  multipleNegatives,
  type OptionNames,
  type RankingOptions,
  resolveRanking,
  resolveSimilarity,
  type SimilarityFunctionName,
  similarityName,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";

export interface MultipleNegativesRankingOptions extends RankingOptions {
  /**
   * How texts are compared: a name, or a function from `[n, dim]` and `[m, dim]` to `[n, m]`. With "dot", use a `scale`
   * of 1.
   *
   * @default "cosine"
   */
  similarityFct?: SimilarityFunctionName | ((a: Tensor, b: Tensor) => Tensor);
}

export const rankingOptions: OptionNames<MultipleNegativesRankingOptions> = {
  scale: true,
  similarityFct: true,
  directions: true,
  partitionMode: true,
  hardnessMode: true,
  hardnessStrength: true,
};

/**
 * Each anchor should be more similar to its positive than to every other document of the batch: the positives of other
 * rows, and all negatives of all rows. The more rows, the harder. Also known as InfoNCE, or in-batch negatives.
 *
 *     loss = mean_i( log Σ_j exp(scale · s(a_i, d_j)) − scale · s(a_i, p_i) )
 *
 * Further directions and weights for hard negatives are options.
 *
 * Paper: https://arxiv.org/abs/1807.03748; all directions in one softmax: https://arxiv.org/abs/2308.03281
 *
 * | columns | labels |
 * | --- | --- |
 * | anchor, positive | none |
 * | anchor, positive, negative_1, …, negative_n | none |
 *
 * A batch should not hold a text twice: `batchSampler: "no_duplicates"`. `CachedMultipleNegativesRankingLoss` is the same
 * loss for batches larger than the memory; `GISTEmbedLoss` leaves out false negatives.
 *
 * @example
 * const loss = new MultipleNegativesRankingLoss(model, { scale: 20 });
 * const trainer = new SentenceTransformerTrainer({ model, trainDataset, loss });
 */
export class MultipleNegativesRankingLoss extends EmbeddingLoss {
  readonly name: string = "MultipleNegativesRankingLoss";
  readonly options: Required<MultipleNegativesRankingOptions>;
  private readonly similarity: (a: Tensor, b: Tensor) => Tensor;

  constructor(model: TextEncoder, options: MultipleNegativesRankingOptions = {}) {
    super(model);
    checkOptions("MultipleNegativesRankingLoss", options, rankingOptions);
    const { similarityFct = "cosine" } = options;
    this.similarity = resolveSimilarity(similarityFct, "matrix");
    this.options = { ...resolveRanking("MultipleNegativesRankingLoss", options), similarityFct };
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const roles = "anchor, positive, then any negatives";
    const { rows } = expectColumns(this.name, columns, batch, { least: 2, roles });
    const rowsPerChunk = this.rowsPerChunk(rows * (columns.length - 1));
    if (this.options.similarityFct !== "cosine") {
      return multipleNegatives(columns, this.similarity, this.options, rowsPerChunk);
    }
    const unit = columns.map((column) => l2Normalize(column)); // once, for all chunks
    return multipleNegatives(unit, dotScore, this.options, rowsPerChunk);
  }

  override config(): Record<string, unknown> {
    const { similarityFct, ...options } = this.options;
    return { name: this.name, similarityFct: similarityName(similarityFct), ...options };
  }
}
