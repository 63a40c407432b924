import type { Tensor } from "../tensor/tensor.ts";
import { type GroupOptions, Optimizer, type ParameterGroup, type Update } from "./optimizer.ts";

export interface AdamWOptions extends GroupOptions {
  /** @default 1e-3 */
  learningRate?: number;
  /**
   * Each step shrinks a parameter by `learningRate · weightDecay` of itself.
   *
   * @default 0.01
   */
  weightDecay?: number;
  /** How much of the running means of the gradient and of its square a step keeps. @default [0.9, 0.999] */
  betas?: readonly [number, number];
  /** Added to the root in the denominator. @default 1e-8 */
  eps?: number;
}

/**
 * Adam with decoupled weight decay; equals `torch.optim.AdamW` to rounding, options and defaults included.
 *
 * @see https://arxiv.org/abs/1711.05101
 */
export class AdamW extends Optimizer {
  /** @param parameters float32 leaves with `requiresGrad`, or groups of them with options of their own */
  constructor(parameters: Iterable<Tensor> | Iterable<ParameterGroup>, options: AdamWOptions = {}) {
    const { learningRate = 1e-3, weightDecay = 0.01, betas = [0.9, 0.999], eps = 1e-8 } = options;
    super("AdamW", parameters, { learningRate, weightDecay, betas, eps }, options);
  }

  protected update({ group, parameters, first, second, gradients, step, learningRate, clip }: Update): void {
    const { betas, eps, weightDecay } = group;
    const { norm = null, maxNorm = 0 } = clip ?? {};
    parameters[0]!.backend.adamwStep(
      parameters,
      first,
      second,
      gradients,
      norm,
      maxNorm,
      learningRate,
      ...betas,
      eps,
      weightDecay,
      step,
    );
  }
}
