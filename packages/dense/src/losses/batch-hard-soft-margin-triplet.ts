import {
  batchHardTriplets,
  checkOptions,
  type Labels,
  type OptionNames,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";
import { type BatchDistanceOptions, BatchTripletLoss } from "./batch-distance.ts";

const OPTIONS: OptionNames<BatchDistanceOptions> = { distanceMetric: true };

/**
 * `BatchHardTripletLoss` without a margin to choose: a smooth form of the hinge that never ends.
 *
 *     loss = mean_i log(1 + exp(max_{j: y_j = y_i} d_ij − min_{k: y_k ≠ y_i} d_ik))
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
 * const loss = new BatchHardSoftMarginTripletLoss(model);
 */
export class BatchHardSoftMarginTripletLoss extends BatchTripletLoss {
  readonly name: string = "BatchHardSoftMarginTripletLoss";

  constructor(model: TextEncoder, options: BatchDistanceOptions = {}) {
    super(model, options);
    checkOptions("BatchHardSoftMarginTripletLoss", options, OPTIONS);
  }

  protected override fromDistances(distances: Tensor, classes: Labels["values"]): Tensor {
    return batchHardTriplets(distances, classes, "soft");
  }
}
