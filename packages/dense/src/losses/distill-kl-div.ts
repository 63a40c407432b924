import {
  type Columns,
  checkOptions,
  distillKl,
  EmbeddingLoss,
  EngineError,
  expectColumns,
  expectLabels,
  type Labels,
  labelTensor,
  type OptionNames,
  resolveSimilarity,
  type SimilarityFunctionName,
  similarityName,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";
import { candidateScores } from "./candidate-scores.ts";

export interface DistillKLDivOptions {
  /**
   * How a query and a document are compared: a name, or a function from two `[n, dim]` to `[n]`.
   *
   * @default "dot"
   */
  similarityFct?: SimilarityFunctionName | ((a: Tensor, b: Tensor) => Tensor);
  /**
   * Scores of student and teacher are divided by it before the softmax.
   *
   * @default 1
   */
  temperature?: number;
  /** @default `temperature` */
  studentTemperature?: number;
  /** @default `temperature` */
  teacherTemperature?: number;
}

const OPTIONS: OptionNames<DistillKLDivOptions> = {
  similarityFct: true,
  temperature: true,
  studentTemperature: true,
  teacherTemperature: true,
};

/**
 * A query's distribution over its documents should be that of a teacher, usually a cross-encoder.
 *
 *     loss = T² · mean_i KL( softmax(t_i / teacher temperature) ‖ softmax(s_i / T) ),   T the student's temperature
 *
 * Paper: https://arxiv.org/abs/2010.11386
 *
 * | columns | labels |
 * | --- | --- |
 * | query, positive, negative | a list with the teacher's scores of both |
 * | query, positive, negative_1, …, negative_n | a list of 1 + n scores, the positive's first |
 *
 * A score of −∞ leaves a document out. `MarginMSELoss` compares margins in place of distributions.
 *
 * @example
 * const loss = new DistillKLDivLoss(model, { temperature: 2 });
 */
export class DistillKLDivLoss extends EmbeddingLoss {
  readonly name: string = "DistillKLDivLoss";
  readonly options: Required<DistillKLDivOptions>;
  private readonly similarity: (a: Tensor, b: Tensor) => Tensor;

  constructor(model: TextEncoder, options: DistillKLDivOptions = {}) {
    super(model);
    checkOptions("DistillKLDivLoss", options, OPTIONS);
    const { similarityFct = "dot", temperature = 1 } = options;
    const { studentTemperature = temperature, teacherTemperature = temperature } = options;
    for (const [name, value] of Object.entries({ temperature, studentTemperature, teacherTemperature })) {
      if (value > 0 && value < Number.POSITIVE_INFINITY) continue;
      throw new EngineError("DistillKLDivLoss", `${name} is ${value}`, "Give a number above 0.");
    }
    this.options = { similarityFct, temperature, studentTemperature, teacherTemperature };
    this.similarity = resolveSimilarity(similarityFct, "pairwise");
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, { least: 3, roles: "query, positive, negatives" });
    const [query, ...documents] = columns as [Tensor, ...Tensor[]];
    const meaning = "a list of a teacher's scores";
    const labels = expectLabels(this.name, batch, rows, { meaning, infinite: true, most: Number.MAX_VALUE });
    const width = labels.values.length / rows;
    if (width !== documents.length) {
      throw new EngineError(
        this.name,
        `each row has ${width} label${width === 1 ? "" : "s"}, but ${documents.length} documents`,
        "Give the teacher's score of each document, the positive's first.",
      );
    }
    refuseEmptyRows(this.name, labels.values, width);
    const scores = candidateScores(query, documents, this.similarity);
    return distillKl(scores, labelTensor(labels.values, [rows, width], query), this.options);
  }

  override config(): Record<string, unknown> {
    return { name: this.name, ...this.options, similarityFct: similarityName(this.options.similarityFct) };
  }
}

/** A teacher that leaves out all documents of a row has no distribution there. */
function refuseEmptyRows(owner: string, scores: Labels["values"], width: number): void {
  for (let first = 0; first < scores.length; first += width) {
    if (scores.subarray(first, first + width).some(Number.isFinite)) continue;
    throw new EngineError(owner, `all scores of row ${first / width} of the batch are −∞`, "Drop such rows.");
  }
}
