import type { DropoutRates, LanguageModel, Loss, LossPass, LossPiece, Tensor } from "@ettin/core";
import type { TokenTask } from "../batch.ts";
import { checkObjective } from "../objectives/check-objective.ts";
import { splitTask } from "./split-task.ts";

export interface LanguageModelingOptions {
  /**
   * Dropout rates to use in training in place of the configuration's. The recipe trains with `attentionOutput: 0.1`,
   * while the models that it saves have none.
   */
  dropout?: Partial<DropoutRates>;
}

/**
 * The mean cross-entropy of a batch's targets: of masked, next or masked next tokens, as the collator set them. The
 * matrix of all scores is never made. A step of several batches, or of pieces, is weighted by targets, so its gradient
 * is the mean over all targets of the step.
 */
export class LanguageModelingLoss implements Loss<TokenTask> {
  readonly model: LanguageModel;
  readonly options: LanguageModelingOptions;

  constructor(model: LanguageModel, options: LanguageModelingOptions = {}) {
    this.model = model;
    this.options = options;
  }

  /**
   * @returns a float32 scalar
   * @throws EngineError for a batch without targets, whose mean is not defined (its weight is 0), and for an objective
   *   that is not the model's
   */
  forward(batch: TokenTask, { dropout }: LossPass = {}): Tensor {
    const { model, options } = this;
    checkObjective("LanguageModelingLoss", model, batch.objective);
    const rates = options.dropout;
    const draw = dropout && rates ? { ...dropout, rates: { ...dropout.rates, ...rates } } : dropout;
    return model.loss(batch, batch.targets, draw ? { dropout: draw } : {});
  }

  /** The number of targets. */
  weight(batch: TokenTask): number {
    return batch.targets.rows.length;
  }

  /**
   * Cuts a batch between sequences into pieces of at most `maxTokens`; a longer sequence is a piece of its own.
   * `share` is a piece's part of the targets: 0 for a piece that has none and need not run.
   */
  split(batch: TokenTask, maxTokens: number): readonly LossPiece<TokenTask>[] {
    return splitTask(batch, maxTokens);
  }
}
