import {
  type Columns,
  checkOptions,
  EmbeddingLoss,
  expectColumns,
  type OptionNames,
  oneLabelPerRow,
  onlineContrastive,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";
import type { ContrastiveOptions } from "./contrastive.ts";
import { distanceName, siameseDistance } from "./siamese-distance.ts";

export type OnlineContrastiveOptions = Pick<ContrastiveOptions, "distanceMetric" | "margin">;

const OPTIONS: OptionNames<OnlineContrastiveOptions> = { distanceMetric: true, margin: true };

/**
 * The contrastive loss of the batch's hard pairs alone: similar pairs that are farther apart than the nearest dissimilar
 * pair, and dissimilar pairs that are nearer than the farthest similar pair.
 *
 *     loss = Σ_{hard similar} d² + Σ_{hard dissimilar} max(0, margin − d)²
 *
 * A sum over pairs, not a mean: larger batches have larger losses.
 *
 * | columns | labels |
 * | --- | --- |
 * | text a, text b | 1 for similar, 0 for not |
 *
 * @example
 * const loss = new OnlineContrastiveLoss(model, { margin: 0.5 });
 */
export class OnlineContrastiveLoss extends EmbeddingLoss {
  readonly name: string = "OnlineContrastiveLoss";
  readonly options: Required<OnlineContrastiveOptions>;
  private readonly distance: (a: Tensor, b: Tensor) => Tensor;

  constructor(model: TextEncoder, options: OnlineContrastiveOptions = {}) {
    super(model);
    const { distanceMetric = "cosine", margin = 0.5 } = checkOptions("OnlineContrastiveLoss", options, OPTIONS);
    this.options = { distanceMetric, margin };
    this.distance = siameseDistance("OnlineContrastiveLoss", distanceMetric);
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, { least: 2, most: 2, roles: "the two texts of a pair" });
    const needs = { meaning: "a label of 0 or 1", least: 0, most: 1, whole: true };
    const labels = oneLabelPerRow(this.name, batch, rows, needs);
    const [a, b] = columns as [Tensor, Tensor];
    const similar = Array.from(labels, (label) => label === 1);
    return onlineContrastive(this.distance(a, b), similar, this.options.margin);
  }

  override config(): Record<string, unknown> {
    return { name: this.name, ...this.options, distanceMetric: distanceName(this.options.distanceMetric) };
  }
}
