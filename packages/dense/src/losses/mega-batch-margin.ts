import {
  type CachedOptions,
  type Columns,
  checkOptions,
  dotScore,
  EmbeddingLoss,
  expectColumns,
  inRowChunks,
  l2Normalize,
  mean,
  megaBatchMargins,
  type OptionNames,
  type ResolvedCached,
  resolveCached,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";

export interface MegaBatchMarginOptions extends CachedOptions {
  /**
   * What a pair's similarity should at least be.
   *
   * @default 0.8
   */
  positiveMargin?: number;
  /**
   * What the similarity to any other document should at most be.
   *
   * @default 0.3
   */
  negativeMargin?: number;
  /**
   * Encodes in pieces, each twice, in little memory; false encodes the batch at once.
   *
   * @default true
   */
  useMiniBatchedVersion?: boolean;
  /** @default 50 */
  miniBatchSize?: number;
}

const OPTIONS: OptionNames<MegaBatchMarginOptions> = {
  positiveMargin: true,
  negativeMargin: true,
  useMiniBatchedVersion: true,
  miniBatchSize: true,
  miniBatchNumTokens: true,
};

/**
 * Each anchor against the hardest document of a large batch: the most similar one that is not its own.
 *
 *     loss = mean_i( max(0, positiveMargin − cos(a_i, p_i)) + max(0, max_{j≠i} cos(a_i, p_j) − negativeMargin) )
 *
 * Paper: https://aclanthology.org/P18-1042
 *
 * | columns | labels |
 * | --- | --- |
 * | anchor, positive | none |
 *
 * Batches should be large, 500 rows or more.
 *
 * @example
 * const loss = new MegaBatchMarginLoss(model, { miniBatchSize: 50 });
 */
export class MegaBatchMarginLoss extends EmbeddingLoss {
  readonly name: string = "MegaBatchMarginLoss";
  readonly positiveMargin: number;
  readonly negativeMargin: number;
  override readonly cached: ResolvedCached | null;

  constructor(model: TextEncoder, options: MegaBatchMarginOptions = {}) {
    super(model);
    checkOptions("MegaBatchMarginLoss", options, OPTIONS);
    const { positiveMargin = 0.8, negativeMargin = 0.3, useMiniBatchedVersion = true } = options;
    this.positiveMargin = positiveMargin;
    this.negativeMargin = negativeMargin;
    this.cached = useMiniBatchedVersion ? resolveCached("MegaBatchMarginLoss", options, 50) : null;
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows: n } = expectColumns(this.name, columns, batch, { least: 2, most: 2, roles: "anchor, positive" });
    const [anchors, positives] = columns.map((column) => l2Normalize(column)) as [Tensor, Tensor];
    const losses = inRowChunks([anchors], [positives], this.rowsPerChunk(n), ([rows], [all], first) =>
      megaBatchMargins(dotScore(rows!, all!), this, first),
    );
    return mean(losses);
  }

  override config(): Record<string, unknown> {
    const { name, positiveMargin, negativeMargin, cached } = this;
    return { name, positiveMargin, negativeMargin, useMiniBatchedVersion: cached !== null, ...cached };
  }
}
