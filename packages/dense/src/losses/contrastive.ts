import {
  type Columns,
  checkOptions,
  contrastive,
  EmbeddingLoss,
  expectColumns,
  labelTensor,
  type OptionNames,
  oneLabelPerRow,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";
import { distanceName, type SiameseDistanceMetric, siameseDistance } from "./siamese-distance.ts";

export interface ContrastiveOptions {
  /**
   * A name, or a function from two `[n, dim]` to `[n]`.
   *
   * @default "cosine", which is 1 − cosine
   */
  distanceMetric?: SiameseDistanceMetric | ((a: Tensor, b: Tensor) => Tensor);
  /**
   * Dissimilar pairs that are farther apart cost nothing.
   *
   * @default 0.5
   */
  margin?: number;
  /**
   * Whether the loss is the mean over pairs, or their sum.
   *
   * @default true
   */
  sizeAverage?: boolean;
}

const OPTIONS: OptionNames<ContrastiveOptions> = { distanceMetric: true, margin: true, sizeAverage: true };

/**
 * Similar pairs should be near each other, others at least a margin apart.
 *
 *     loss = mean_i ½ ( y d² + (1 − y) max(0, margin − d)² )
 *
 * Paper: https://doi.org/10.1109/CVPR.2006.100
 *
 * | columns | labels |
 * | --- | --- |
 * | text a, text b | 1 for similar, 0 for not (between them, shares of both terms) |
 *
 * `OnlineContrastiveLoss` takes the hard pairs of the batch alone, and usually learns more.
 *
 * @example
 * const loss = new ContrastiveLoss(model, { margin: 0.5 });
 */
export class ContrastiveLoss extends EmbeddingLoss {
  readonly name: string = "ContrastiveLoss";
  readonly options: Required<ContrastiveOptions>;
  private readonly distance: (a: Tensor, b: Tensor) => Tensor;

  constructor(model: TextEncoder, options: ContrastiveOptions = {}) {
    super(model);
    checkOptions("ContrastiveLoss", options, OPTIONS);
    const { distanceMetric = "cosine", margin = 0.5, sizeAverage = true } = options;
    this.options = { distanceMetric, margin, sizeAverage };
    this.distance = siameseDistance("ContrastiveLoss", distanceMetric);
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, { least: 2, most: 2, roles: "the two texts of a pair" });
    const labels = oneLabelPerRow(this.name, batch, rows, { meaning: "a label from 0 to 1", least: 0, most: 1 });
    const [a, b] = columns as [Tensor, Tensor];
    const { margin, sizeAverage } = this.options;
    return contrastive(this.distance(a, b), labelTensor(labels, [rows], a), margin, sizeAverage ? "mean" : "sum");
  }

  override config(): Record<string, unknown> {
    return { name: this.name, ...this.options, distanceMetric: distanceName(this.options.distanceMetric) };
  }
}
