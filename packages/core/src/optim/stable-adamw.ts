import type { Tensor } from "../tensor/tensor.ts";
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
   * The peak of the schedule, for `decoupleLearningRate`.
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
  private decayPerRate: number;

  /** @param parameters float32 leaves with `requiresGrad`, or groups of them with options of their own */
  constructor(parameters: Iterable<Tensor> | Iterable<ParameterGroup>, options: StableAdamWOptions = {}) {
    const { learningRate = 1e-3, weightDecay = 0.01, betas = [0.9, 0.99], eps = 1e-6 } = options;
    const more = ["decoupleLearningRate", "maxLearningRate"];
    super("StableAdamW", parameters, { learningRate, weightDecay, betas, eps }, options, more);
    this.decayPerRate = options.decoupleLearningRate ? 1 / (options.maxLearningRate ?? learningRate) : 1;
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
