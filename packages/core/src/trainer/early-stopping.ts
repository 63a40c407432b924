import { EngineError } from "../errors.ts";
import { metricKey } from "./best-metric.ts";
import type { TrainerCallback } from "./callback.ts";
import type { TrainerControl, TrainerState } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";

export interface EarlyStoppingOptions {
  /** Evaluations in a row without a better metric, after which the run stops. @default 1 */
  earlyStoppingPatience?: number;
  /** How much better than the best so far counts as better. @default 0 */
  earlyStoppingThreshold?: number;
}

/**
 * Stops a run whose `metricForBestModel` has not become better for some evaluations. What it has counted is part of a
 * checkpoint.
 */
export class EarlyStoppingCallback implements TrainerCallback {
  readonly name = "EarlyStoppingCallback";
  private readonly patience: number;
  private readonly threshold: number;
  private worse = 0;

  constructor({ earlyStoppingPatience = 1, earlyStoppingThreshold = 0 }: EarlyStoppingOptions = {}) {
    if (!(Number.isSafeInteger(earlyStoppingPatience) && earlyStoppingPatience >= 1)) {
      throw new EngineError(
        this.name,
        `earlyStoppingPatience is ${earlyStoppingPatience}`,
        "Use a whole number from 1 on.",
      );
    }
    this.patience = earlyStoppingPatience;
    this.threshold = earlyStoppingThreshold;
  }

  onTrainBegin({ metricForBestModel, evalStrategy }: TrainingArguments): void {
    if (metricForBestModel !== null && evalStrategy !== "no") return;
    throw new EngineError(
      this.name,
      `metricForBestModel is ${metricForBestModel} and evalStrategy "${evalStrategy}"`,
      'Set metricForBestModel, and evalStrategy: "steps" or "epoch".',
    );
  }

  onEvaluate(
    { metricForBestModel, greaterIsBetter }: TrainingArguments,
    { bestMetric }: TrainerState,
    control: TrainerControl,
    metrics: Readonly<Record<string, number>>,
  ): void {
    const value = metrics[metricKey(metricForBestModel!)];
    if (value === undefined) return; // the choice of the best model says what is missing
    const gain =
      bestMetric === null ? Number.POSITIVE_INFINITY : greaterIsBetter ? value - bestMetric : bestMetric - value;
    this.worse = gain > this.threshold && gain > 0 ? 0 : this.worse + 1;
    if (this.worse >= this.patience) control.shouldStop = true;
  }

  saveState(): Record<string, unknown> {
    return {
      args: { early_stopping_patience: this.patience, early_stopping_threshold: this.threshold },
      attributes: { early_stopping_patience_counter: this.worse },
    };
  }

  loadState(saved: Readonly<Record<string, unknown>>): void {
    const counter = (saved.attributes as Record<string, unknown> | undefined)?.early_stopping_patience_counter;
    if (Number.isSafeInteger(counter)) this.worse = counter as number;
  }
}
