import { batchAllTriplets, type Labels, type Tensor, type TextEncoder } from "@ettin/core";
import { BatchMarginTripletLoss, type BatchTripletOptions } from "./batch-margin-triplet.ts";

/**
 * All triplets that a batch of labelled texts has: the mean of those that are not yet a margin apart.
 *
 *     loss = Σ_{i,j,k} max(0, d_ij − d_ik + margin) / (how many terms are above 0),   y_i = y_j ≠ y_k, i ≠ j
 *
 * Paper: https://arxiv.org/abs/1703.07737
 *
 * | columns | labels |
 * | --- | --- |
 * | text | the number of its class |
 *
 * A batch needs two labels, and two texts of a label: `batchSampler: "group_by_label"`.
 *
 * @example
 * const loss = new BatchAllTripletLoss(model, { margin: 5 });
 */
export class BatchAllTripletLoss extends BatchMarginTripletLoss {
  readonly name: string = "BatchAllTripletLoss";

  constructor(model: TextEncoder, options: BatchTripletOptions = {}) {
    super("BatchAllTripletLoss", model, options);
  }

  protected override fromDistances(distances: Tensor, classes: Labels["values"]): Tensor {
    return batchAllTriplets(distances, classes, this.margin);
  }
}
