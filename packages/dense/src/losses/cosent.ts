import {
  type Columns,
  checkOptions,
  cosent,
  EmbeddingLoss,
  EngineError,
  expectColumns,
  labelTensor,
  type OptionNames,
  oneLabelPerRow,
  resolveSimilarity,
  type SimilarityFunctionName,
  similarityName,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";

export interface CoSENTOptions {
  /**
   * Similarities are multiplied by it: the inverse of a temperature.
   *
   * @default 20
   */
  scale?: number;
  /**
   * How the texts of a pair are compared: a name, or a function from two `[n, dim]` to `[n]`.
   *
   * @default "cosine"
   */
  similarityFct?: SimilarityFunctionName | ((a: Tensor, b: Tensor) => Tensor);
}

/** Checks a scale. */
export function expectScale(owner: string, scale: number): number {
  if (scale > 0 && scale < Number.POSITIVE_INFINITY) return scale;
  throw new EngineError(owner, `scale is ${scale}`, "Give a number above 0.");
}

const OPTIONS: OptionNames<CoSENTOptions> = { scale: true, similarityFct: true };

/**
 * Pairs with a higher label should be more similar than pairs with a lower one, all pairs of the batch against each
 * other. Only the order of the labels counts.
 *
 *     loss = log(1 + Σ_{i,j: y_i < y_j} exp(scale · (s_i − s_j)))
 *
 * Paper: https://penghao-bdsc.github.io/papers/CoSENT_TASLP2024.pdf
 *
 * | columns | labels |
 * | --- | --- |
 * | text a, text b | a similarity, of any scale |
 *
 * `AnglELoss` is this loss with another similarity. `CosineSimilarityLoss` takes the same data, and usually learns less
 * from it.
 *
 * @example
 * const loss = new CoSENTLoss(model);
 */
export class CoSENTLoss extends EmbeddingLoss {
  readonly name: string = "CoSENTLoss";
  readonly options: Required<CoSENTOptions>;
  private readonly similarity: (a: Tensor, b: Tensor) => Tensor;

  constructor(model: TextEncoder, options: CoSENTOptions = {}) {
    super(model);
    const { scale = 20, similarityFct = "cosine" } = checkOptions("CoSENTLoss", options, OPTIONS);
    this.options = { scale: expectScale("CoSENTLoss", scale), similarityFct };
    this.similarity = resolveSimilarity(similarityFct, "pairwise");
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, { least: 2, most: 2, roles: "the two texts of a pair" });
    const labels = oneLabelPerRow(this.name, batch, rows, { meaning: "a similarity" });
    const [a, b] = columns as [Tensor, Tensor];
    return cosent(this.similarity(a, b).mul(this.options.scale), labelTensor(labels, [rows], a));
  }

  override config(): Record<string, unknown> {
    const { scale, similarityFct } = this.options;
    return { name: this.name, scale, similarityFct: similarityName(similarityFct) };
  }
}
