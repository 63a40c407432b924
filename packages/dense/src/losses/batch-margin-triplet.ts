import { checkOptions, type OptionNames, type TextEncoder } from "@ettin/core";
import { type BatchDistanceOptions, BatchTripletLoss } from "./batch-distance.ts";

export interface BatchTripletOptions extends BatchDistanceOptions {
  /**
   * How much farther a negative should be than a positive.
   *
   * @default 5
   */
  margin?: number;
}

const OPTIONS: OptionNames<BatchTripletOptions> = { distanceMetric: true, margin: true };

/** Those of them that ask for a distance between positives and negatives. */
export abstract class BatchMarginTripletLoss extends BatchTripletLoss {
  readonly margin: number;

  constructor(where: string, model: TextEncoder, options: BatchTripletOptions) {
    super(model, options);
    checkOptions(where, options, OPTIONS);
    this.margin = options.margin ?? 5;
  }

  override config(): Record<string, unknown> {
    return { ...super.config(), margin: this.margin };
  }
}
