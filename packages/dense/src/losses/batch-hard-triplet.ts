import { batchHardTriplets, type Labels, type Tensor, type TextEncoder } from "@ettin/core";
import { BatchMarginTripletLoss, type BatchTripletOptions } from "./batch-margin-triplet.ts";

/**
 * For each text of a batch the farthest text of its class and the nearest one of another.
 *
 *     loss = mean_i max(0, max_{j: y_j = y_i} d_ij − min_{k: y_k ≠ y_i} d_ik + margin)
 *
 * Paper: https://arxiv.org/abs/1703.07737
 *
 * | columns | labels |
 * | --- | --- |
 * | text | the number of its class |
 *
 * A batch needs two labels, and two texts of each: `batchSampler: "group_by_label"`.
 *
 * @example
 * const loss = new BatchHardTripletLoss(model, { distanceMetric: "cosine", margin: 0.5 });
 */
export class BatchHardTripletLoss extends BatchMarginTripletLoss {
  readonly name: string = "BatchHardTripletLoss";

  constructor(model: TextEncoder, options: BatchTripletOptions = {}) {
    super("BatchHardTripletLoss", model, options);
  }

  protected override fromDistances(distances: Tensor, classes: Labels["values"]): Tensor {
    return batchHardTriplets(distances, classes, this.margin);
  }
}
