import { checkOptions, type OptionNames } from "@ettin/core";
import { EmbedDistillLoss, type ProjectionOptions, type SizedEncoder } from "./embed-distill.ts";

const OPTIONS: OptionNames<ProjectionOptions> = { projectionDim: true, embeddingDimension: true, seed: true };

/**
 * Embeddings should be those of a teacher: to make a smaller model, or one of more languages, whose translations share
 * the vector of the original.
 *
 *     loss = mean over columns of mean_{i,c} (x_ic − t_ic)²
 *
 * Paper: https://arxiv.org/abs/2004.09813
 *
 * | columns | labels |
 * | --- | --- |
 * | text | the teacher's embedding, a list |
 * | text_1, …, text_n | one embedding for all of them |
 *
 * @example
 * const loss = new MSELoss(model);
 */
export class MSELoss extends EmbedDistillLoss {
  override readonly name: string = "MSELoss";

  constructor(model: SizedEncoder, options: ProjectionOptions = {}) {
    super(model, { ...checkOptions("MSELoss", options, OPTIONS), distanceMetric: "mse" });
  }

  override config(): Record<string, unknown> {
    return { name: this.name, projectionDim: this.options.projectionDim };
  }
}
