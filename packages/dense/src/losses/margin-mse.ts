import {
  type Columns,
  checkOptions,
  EmbeddingLoss,
  EngineError,
  expectColumns,
  expectLabels,
  labelTensor,
  marginMse,
  type OptionNames,
  resolveSimilarity,
  type SimilarityFunctionName,
  similarityName,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";
import { candidateScores } from "./candidate-scores.ts";

export interface MarginMSEOptions {
  /**
   * How a query and a document are compared: a name, or a function from two `[n, dim]` to `[n]`.
   *
   * @default "dot"
   */
  similarityFct?: SimilarityFunctionName | ((a: Tensor, b: Tensor) => Tensor);
}

const OPTIONS: OptionNames<MarginMSEOptions> = { similarityFct: true };

/**
 * A query's margins between its positive and its negatives should be those of a teacher, usually a cross-encoder.
 *
 *     loss = mean_{i,k} ( (s(q_i, p_i) − s(q_i, n_ik)) − (t(q_i, p_i) − t(q_i, n_ik)) )²
 *
 * Paper: https://arxiv.org/abs/2010.02666
 *
 * | columns | labels |
 * | --- | --- |
 * | query, positive, negative | the teacher's margin, or a list with its scores of positive and negative |
 * | query, positive, negative_1, …, negative_n | a list of n margins, or of 1 + n scores, the positive's first |
 *
 * `DistillKLDivLoss` compares distributions in place of margins.
 *
 * @example
 * const loss = new MarginMSELoss(model);
 */
export class MarginMSELoss extends EmbeddingLoss {
  readonly name: string = "MarginMSELoss";
  readonly options: Required<MarginMSEOptions>;
  private readonly similarity: (a: Tensor, b: Tensor) => Tensor;

  constructor(model: TextEncoder, options: MarginMSEOptions = {}) {
    super(model);
    const { similarityFct = "dot" } = checkOptions("MarginMSELoss", options, OPTIONS);
    this.options = { similarityFct };
    this.similarity = resolveSimilarity(similarityFct, "pairwise");
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, { least: 3, roles: "query, positive, negatives" });
    const [query, ...documents] = columns as [Tensor, ...Tensor[]];
    const negatives = documents.length - 1;
    const labels = expectLabels(this.name, batch, rows, { meaning: "a teacher's margins or scores" });
    const width = labels.values.length / rows;
    if (width !== negatives && width !== negatives + 1) {
      throw new EngineError(
        this.name,
        `each row has ${width} label${width === 1 ? "" : "s"}, but ${negatives} negative${negatives === 1 ? "" : "s"}`,
        `Give ${negatives} margin${negatives === 1 ? "" : "s"} (positive − negative), or ${negatives + 1} scores, the positive's first.`,
      );
    }
    const scores = candidateScores(query, documents, this.similarity);
    return marginMse(scores, labelTensor(labels.values, [rows, width], query));
  }

  override config(): Record<string, unknown> {
    return { name: this.name, similarityFct: similarityName(this.options.similarityFct) };
  }
}
