import {
  affine,
  type Columns,
  checkOptions,
  EmbeddingLoss,
  EngineError,
  expectColumns,
  type OptionNames,
  pairwiseCosSim,
  pairwiseEuclideanSim,
  pairwiseManhattanSim,
  type Tensor,
  type TextEncoder,
  tripletMargin,
} from "@ettin/core";
import { distanceName } from "./siamese-distance.ts";

/** How far two texts are apart: `1 − cosine`, or a length of the difference. */
export type TripletDistanceMetric = "cosine" | "euclidean" | "manhattan";

const distances: Readonly<Record<TripletDistanceMetric, (a: Tensor, b: Tensor) => Tensor>> = {
  cosine: (a, b) => affine(pairwiseCosSim(a, b), -1, 1),
  euclidean: (a, b) => pairwiseEuclideanSim(a, b).neg(),
  manhattan: (a, b) => pairwiseManhattanSim(a, b).neg(),
};

export interface TripletOptions {
  /**
   * A name, or a function from two `[n, dim]` to `[n]`.
   *
   * @default "euclidean"
   */
  distanceMetric?: TripletDistanceMetric | ((a: Tensor, b: Tensor) => Tensor);
  /**
   * How much farther the negative should be than the positive.
   *
   * @default 5
   */
  tripletMargin?: number;
}

const OPTIONS: OptionNames<TripletOptions> = { distanceMetric: true, tripletMargin: true };

/**
 * An anchor should be nearer to its positive than to its negative, by a margin.
 *
 *     loss = mean_i max(0, d(a_i, p_i) − d(a_i, n_i) + margin)
 *
 * The margin of 5 suits distances of vectors that are not normalized: for lengths of 1, distances end at 2.
 *
 * Paper: https://arxiv.org/abs/1703.07737
 *
 * | columns | labels |
 * | --- | --- |
 * | anchor, positive, negative | none |
 *
 * `MultipleNegativesRankingLoss` takes the same columns and usually learns more.
 *
 * @example
 * const loss = new TripletLoss(model, { distanceMetric: "cosine", tripletMargin: 0.5 });
 */
export class TripletLoss extends EmbeddingLoss {
  readonly name: string = "TripletLoss";
  readonly options: Required<TripletOptions>;
  private readonly distance: (a: Tensor, b: Tensor) => Tensor;

  constructor(model: TextEncoder, options: TripletOptions = {}) {
    super(model);
    const { distanceMetric = "euclidean", tripletMargin = 5 } = checkOptions("TripletLoss", options, OPTIONS);
    this.options = { distanceMetric, tripletMargin };
    if (typeof distanceMetric !== "function" && !Object.hasOwn(distances, distanceMetric)) {
      throw new EngineError(
        "TripletLoss",
        `there is no distance "${distanceMetric}"`,
        `Names are ${Object.keys(distances).join(", ")}.`,
      );
    }
    this.distance = typeof distanceMetric === "function" ? distanceMetric : distances[distanceMetric];
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    expectColumns(this.name, columns, batch, { least: 3, most: 3, roles: "anchor, positive, negative" });
    const [anchors, positives, negatives] = columns as [Tensor, Tensor, Tensor];
    const { tripletMargin: margin } = this.options;
    return tripletMargin(this.distance(anchors, positives), this.distance(anchors, negatives), margin);
  }

  override config(): Record<string, unknown> {
    return { name: this.name, ...this.options, distanceMetric: distanceName(this.options.distanceMetric) };
  }
}
