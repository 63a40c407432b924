import {
  type Columns,
  checkOptions,
  EmbeddingLoss,
  EngineError,
  expectColumns,
  globalOrthogonality,
  type OptionNames,
  resolveSimilarity,
  type SimilarityFunctionName,
  similarityName,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";

export interface GlobalOrthogonalRegularizationOptions {
  /**
   * A name, or a function from `[n, dim]` and `[m, dim]` to `[n, m]`.
   *
   * @default "cosine"
   */
  similarityFct?: SimilarityFunctionName | ((a: Tensor, b: Tensor) => Tensor);
  /**
   * The weight of the first term; null or 0 leaves it out.
   *
   * @default 1
   */
  meanWeight?: number | null;
  /**
   * The weight of the second term; null or 0 leaves it out.
   *
   * @default 1
   */
  secondMomentWeight?: number | null;
  /**
   * How columns are put together.
   *
   * @default "mean"
   */
  aggregation?: "mean" | "sum";
}

const OPTIONS: OptionNames<GlobalOrthogonalRegularizationOptions> = {
  similarityFct: true,
  meanWeight: true,
  secondMomentWeight: true,
  aggregation: true,
};

/**
 * Embeddings of unrelated texts should be spread over the sphere: in each column, similarities of different rows should
 * have the mean 0 and the second moment 1 / dim of random directions. A regularizer, to be added to another loss.
 *
 *     gor_mean           mean over columns of ( mean_{i≠j} s_ij )²
 *     gor_second_moment  mean over columns of max(0, mean_{i≠j} s_ij² − 1 / dim)
 *
 * Paper: https://arxiv.org/abs/1708.06320
 *
 * | columns | labels |
 * | --- | --- |
 * | texts, any number of columns | any |
 *
 * @example
 * const loss = new GlobalOrthogonalRegularizationLoss(model);
 */
export class GlobalOrthogonalRegularizationLoss extends EmbeddingLoss {
  readonly name: string = "GlobalOrthogonalRegularizationLoss";
  readonly options: Required<GlobalOrthogonalRegularizationOptions>;
  private readonly similarity: (a: Tensor, b: Tensor) => Tensor;

  constructor(model: TextEncoder, options: GlobalOrthogonalRegularizationOptions = {}) {
    super(model);
    checkOptions("GlobalOrthogonalRegularizationLoss", options, OPTIONS);
    const { similarityFct = "cosine", meanWeight = 1, secondMomentWeight = 1, aggregation = "mean" } = options;
    if (!meanWeight && !secondMomentWeight) {
      throw new EngineError(
        "GlobalOrthogonalRegularizationLoss",
        "meanWeight and secondMomentWeight are both off",
        "Give one of them a weight.",
      );
    }
    if (aggregation !== "mean" && aggregation !== "sum") {
      throw new EngineError(
        "GlobalOrthogonalRegularizationLoss",
        `there is no aggregation "${aggregation}"`,
        'Use "mean" or "sum".',
      );
    }
    this.options = { similarityFct, meanWeight, secondMomentWeight, aggregation };
    this.similarity = resolveSimilarity(similarityFct, "matrix");
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Readonly<Record<string, Tensor>> {
    const { dim } = expectColumns(this.name, columns, batch, { least: 1, roles: "texts" });
    const { meanWeight, secondMomentWeight, aggregation } = this.options;
    const terms = columns.map((column) => globalOrthogonality(this.similarity(column, column), dim));
    const share = aggregation === "mean" ? 1 / columns.length : 1;
    const aggregated = (term: "mean" | "secondMoment", weight: number) =>
      terms
        .map((of) => of[term])
        .reduce((sum, of) => sum.add(of))
        .mul(weight * share);
    return {
      ...(meanWeight ? { gor_mean: aggregated("mean", meanWeight) } : {}),
      ...(secondMomentWeight ? { gor_second_moment: aggregated("secondMoment", secondMomentWeight) } : {}),
    };
  }

  override config(): Record<string, unknown> {
    return { name: this.name, ...this.options, similarityFct: similarityName(this.options.similarityFct) };
  }
}
