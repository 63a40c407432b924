import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { GradientNorm } from "./clip-grad-norm.ts";
import {
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type SavedOptimizerState,
  type Update,
} from "./optimizer.ts";

export interface StableAdamWOptions extends GroupOptions {
  /** @default 1e-3 */
  learningRate?: number;
  /**
   * What a step takes off a parameter: `learningRate · weightDecay` of itself, or with `decoupleLearningRate`
   * `weightDecay · learningRate / maxLearningRate`.
   *
   * @default 0.01
   */
  weightDecay?: number;
  /** @default [0.9, 0.99] */
  betas?: readonly [number, number];
  /** @default 1e-6 */
  eps?: number;
  /**
   * Fully decoupled weight decay: at the peak learning rate a step takes exactly `weightDecay` off, whatever that rate
   * is. Values are then far smaller, 1e-5 rather than 0.01.
   *
   * @default false
   */
  decoupleLearningRate?: boolean;
  /**
   * The peak of the schedule, for `decoupleLearningRate`; above 0. Where a learningRate of 0 stands for it, no step changes
   * anything.
   *
   * @default learningRate
   */
  maxLearningRate?: number;
}

/**
 * AdamW that slows down, parameter tensor by parameter tensor, while the running mean of the squared gradient lags
 * behind the gradient: the learning rate is divided by `max(1, r)`, `r = √mean(g² / max(v, eps²))`. Needs no clipping
 * of gradients. The means are debiased as the optimi library does, whose option names these are.
 *
 * @see https://arxiv.org/abs/2304.13013
 */
export class StableAdamW extends Optimizer {
  /** 0 where decay is relative to a peak of 0: all rates are then 0, too. */
  private decayPerRate: number;

  /** @param parameters float32 leaves with `requiresGrad`, or groups of them with options of their own */
  constructor(parameters: Iterable<Tensor> | Iterable<ParameterGroup>, options: StableAdamWOptions = {}) {
    const { learningRate = 1e-3, weightDecay = 0.01, betas = [0.9, 0.99], eps = 1e-6 } = options;
    const more = ["decoupleLearningRate", "maxLearningRate"];
    super("StableAdamW", parameters, { learningRate, weightDecay, betas, eps }, options, more);
    const { decoupleLearningRate = false, maxLearningRate: peak = learningRate } = options;
    if (options.maxLearningRate !== undefined && !(Number.isFinite(peak) && peak > 0)) {
      throw new EngineError("StableAdamW", `maxLearningRate is ${peak}`, "Use the peak of the schedule, above 0.");
    }
    this.decayPerRate = decoupleLearningRate ? (peak > 0 ? 1 / peak : 0) : 1;
    for (const group of this.groups) this.expectPeak(group.learningRate);
  }

  override step(learningRate: number = this.baseLearningRate, clip: GradientNorm | null = null): void {
    this.expectPeak(learningRate);
    super.step(learningRate, clip);
  }

  private expectPeak(learningRate: number): void {
    if (this.decayPerRate > 0 || learningRate === 0) return;
    throw new EngineError(
      "StableAdamW",
      `decoupleLearningRate is relative to learningRate 0, but a rate is ${learningRate}`,
      "Set maxLearningRate, the peak of the schedule.",
    );
  }

  override stateDict(): OptimizerState {
    return { ...super.stateDict(), decayPerRate: this.decayPerRate };
  }

  override loadStateDict(saved: SavedOptimizerState): void {
    super.loadStateDict(saved);
    this.decayPerRate = saved.decayPerRate ?? this.decayPerRate;
  }

  protected update({ group, parameters, first, second, gradients, step, learningRate, clip }: Update): void {
    const { betas, eps, weightDecay } = group;
    const { norm = null, maxNorm = 0 } = clip ?? {};
    parameters[0]!.backend.stableAdamwStep(
      parameters,
      first,
      second,
      gradients,
      norm,
      maxNorm,
      learningRate,
      ...betas,
      eps,
      weightDecay * this.decayPerRate,
      step,
    );
  }
}
