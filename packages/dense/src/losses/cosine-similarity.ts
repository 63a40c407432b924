import {
  type Columns,
  checkOptions,
  EmbeddingLoss,
  expectColumns,
  labelTensor,
  meanSquaredError,
  type OptionNames,
  oneLabelPerRow,
  pairwiseCosSim,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";

export interface CosineSimilarityOptions {
  /**
   * From cosines and labels, `[n]` both, to a scalar.
   *
   * @default the mean of the squared differences
   */
  lossFct?: (cosines: Tensor, labels: Tensor) => Tensor;
  /**
   * What cosines go through before they are compared with labels, `[n]` to `[n]`. Labels are then not held to the range
   * of cosines.
   *
   * @default nothing
   */
  cosScoreTransformation?: (cosines: Tensor) => Tensor;
}

const OPTIONS: OptionNames<CosineSimilarityOptions> = { lossFct: true, cosScoreTransformation: true };

/**
 * The cosine of a pair should be its label.
 *
 *     loss = mean_i (cos(a_i, b_i) − y_i)²
 *
 * | columns | labels |
 * | --- | --- |
 * | text a, text b | a similarity from −1 to 1 |
 *
 * `CoSENTLoss` and `AnglELoss` take the same data and usually learn more from it.
 *
 * @example
 * const loss = new CosineSimilarityLoss(model);
 */
export class CosineSimilarityLoss extends EmbeddingLoss {
  readonly name: string = "CosineSimilarityLoss";
  readonly options: CosineSimilarityOptions;

  constructor(model: TextEncoder, options: CosineSimilarityOptions = {}) {
    super(model);
    checkOptions("CosineSimilarityLoss", options, OPTIONS);
    this.options = options;
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, { least: 2, most: 2, roles: "the two texts of a pair" });
    const { lossFct = meanSquaredError, cosScoreTransformation } = this.options;
    const labels = oneLabelPerRow(
      this.name,
      batch,
      rows,
      cosScoreTransformation
        ? { meaning: "a similarity" }
        : { meaning: "a similarity from −1 to 1", least: -1, most: 1 },
    );
    const [a, b] = columns as [Tensor, Tensor];
    const cosines = pairwiseCosSim(a, b, { eps: 1e-8 });
    const target = labelTensor(labels, [rows], a);
    return lossFct(cosScoreTransformation ? cosScoreTransformation(cosines) : cosines, target);
  }

  override config(): Record<string, unknown> {
    const { lossFct, cosScoreTransformation } = this.options;
    return {
      name: this.name,
      lossFct: lossFct?.name || "meanSquaredError",
      cosScoreTransformation: cosScoreTransformation ? cosScoreTransformation.name || "custom" : null,
    };
  }
}
