import {
  batchSemiHardTriplets,
  checkOptions,
  type Labels,
  type OptionNames,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";
import { BatchTripletLoss, type BatchTripletOptions } from "./batch-distance.ts";

const OPTIONS: OptionNames<BatchTripletOptions> = { distanceMetric: true, margin: true };

/**
 * For each pair of one class the nearest text of another class that is farther than the positive; where there is none,
 * the farthest.
 *
 *     loss = Σ_{i,j: y_j = y_i, j ≠ i} max(0, d_ij − d_ik(i,j) + margin) / (how many such pairs)
 *
 * Paper: https://arxiv.org/abs/1503.03832
 *
 * | columns | labels |
 * | --- | --- |
 * | text | the number of its class |
 *
 * A batch needs two labels, and two texts of a label: `batchSampler: "group_by_label"`.
 *
 * @example
 * const loss = new BatchSemiHardTripletLoss(model, { margin: 5 });
 */
export class BatchSemiHardTripletLoss extends BatchTripletLoss {
  readonly name: string = "BatchSemiHardTripletLoss";
  readonly margin: number;

  constructor(model: TextEncoder, options: BatchTripletOptions = {}) {
    super(model, options);
    checkOptions("BatchSemiHardTripletLoss", options, OPTIONS);
    this.margin = options.margin ?? 5;
  }

  protected override fromDistances(distances: Tensor, classes: Labels["values"]): Tensor {
    return batchSemiHardTriplets(distances, classes, this.margin);
  }

  override config(): Record<string, unknown> {
    return { ...super.config(), margin: this.margin };
  }
}
