import { batchSemiHardTriplets, type Labels, type Tensor, type TextEncoder } from "@ettin/core";
import { BatchMarginTripletLoss, type BatchTripletOptions } from "./batch-margin-triplet.ts";

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
export class BatchSemiHardTripletLoss extends BatchMarginTripletLoss {
  readonly name: string = "BatchSemiHardTripletLoss";

  constructor(model: TextEncoder, options: BatchTripletOptions = {}) {
    super("BatchSemiHardTripletLoss", model, options);
  }

  protected override fromDistances(distances: Tensor, classes: Labels["values"]): Tensor {
    return batchSemiHardTriplets(distances, classes, this.margin);
  }
}
