import {
  add,
  affine,
  type Columns,
  checkOptions,
  type Device,
  EmbeddingLoss,
  EngineError,
  expectColumns,
  expectLabels,
  labelTensor,
  mean,
  meanSquaredError,
  type OptionNames,
  pairwiseCosSim,
  pairwiseEuclideanSim,
  type Tensor,
  type TextEncoder,
  uniformLinear,
} from "@ettin/core";

export interface ProjectionOptions {
  /**
   * Embeddings go through a linear layer of the loss's own to this size, the teacher's, before they are compared. It is
   * trained with the model, saved in checkpoints, and not part of the model.
   *
   * @default null: the teacher's size is the model's
   */
  projectionDim?: number | null;
  /**
   * The size of the model's embeddings, where there is a projection.
   *
   * @default the model's `embeddingDimension`
   */
  embeddingDimension?: number;
  /**
   * The same seed draws the same projection.
   *
   * @default 42
   */
  seed?: number;
}

export interface EmbedDistillOptions extends ProjectionOptions {
  /**
   * How an embedding is compared with its teacher's: the mean of squared differences, the length of the difference, or
   * `1 − cosine`.
   *
   * @default "cosine"
   */
  distanceMetric?: "mse" | "l2" | "cosine";
}

const distances: Readonly<Record<"mse" | "l2" | "cosine", (x: Tensor, teacher: Tensor) => Tensor>> = {
  mse: meanSquaredError,
  l2: (x, teacher) => mean(pairwiseEuclideanSim(x, teacher)).neg(),
  cosine: (x, teacher) => affine(mean(pairwiseCosSim(x, teacher, { eps: 1e-8 })), -1, 1),
};

/** A model with embeddings of a known size. */
export type SizedEncoder = TextEncoder & { readonly embeddingDimension?: number | null; readonly device?: Device };

const OPTIONS: OptionNames<EmbedDistillOptions> = {
  distanceMetric: true,
  projectionDim: true,
  embeddingDimension: true,
  seed: true,
};

/**
 * Embeddings should be those of a teacher.
 *
 *     loss = mean over columns of mean_i distance(x_i, t_i)
 *
 * Paper: https://arxiv.org/abs/2301.12005
 *
 * | columns | labels |
 * | --- | --- |
 * | text | the teacher's embedding, a list |
 * | text_1, …, text_n | one embedding for all of them, or a list of one for each column |
 *
 * `MSELoss` is this loss with `distanceMetric: "mse"`.
 *
 * @example
 * const loss = new EmbedDistillLoss(model, { distanceMetric: "cosine" });
 */
export class EmbedDistillLoss extends EmbeddingLoss {
  readonly name: string = "EmbedDistillLoss";
  readonly options: { readonly distanceMetric: "mse" | "l2" | "cosine"; readonly projectionDim: number | null };
  private readonly projection: ReturnType<typeof uniformLinear> | null;

  constructor(model: SizedEncoder, options: EmbedDistillOptions = {}) {
    super(model);
    checkOptions("EmbedDistillLoss", options, OPTIONS);
    const { distanceMetric = "cosine", projectionDim = null, seed = 42 } = options;
    if (!Object.hasOwn(distances, distanceMetric)) {
      throw new EngineError(
        "EmbedDistillLoss",
        `there is no distance "${distanceMetric}"`,
        `Names are ${Object.keys(distances).join(", ")}.`,
      );
    }
    this.options = { distanceMetric, projectionDim };
    const dim = options.embeddingDimension ?? model.embeddingDimension ?? Number.NaN;
    this.projection =
      projectionDim === null
        ? null
        : uniformLinear("EmbedDistillLoss", { in: dim, out: projectionDim }, { seed, device: model.device });
  }

  /** The projection's, where there is one: float32. */
  override get namedParameters(): ReadonlyMap<string, Tensor> {
    const { projection } = this;
    if (!projection) return new Map();
    return new Map([
      ["projection.weight", projection.weight],
      ["projection.bias", projection.bias!],
    ]);
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, {
      least: 1,
      roles: "texts that share a teacher's vector",
    });
    const labels = expectLabels(this.name, batch, rows, { meaning: "a teacher's embedding" });
    const perColumn = labels.shape.length === 3;
    if (labels.shape.length < 2 || labels.shape.length > 3 || (perColumn && labels.shape[1] !== columns.length)) {
      throw new EngineError(
        this.name,
        `labels have shape [${labels.shape.join(", ")}], but there are ${rows} rows of ${columns.length} columns`,
        "Give each row a teacher's embedding, a list of numbers, or a list of one embedding per column.",
      );
    }
    const teachers = labelTensor(labels.values, labels.shape, columns[0]!);
    const distance = distances[this.options.distanceMetric];
    const losses = columns.map((column, i) => {
      const teacher = perColumn ? teachers.slice(i, i + 1, 1).reshape([rows, labels.shape[2]!]) : teachers;
      const student = this.projection ? this.projection.forward(column) : column;
      if (student.shape[1] !== teacher.shape[1]) {
        throw new EngineError(
          this.name,
          `embeddings have ${student.shape[1]} dimensions, but the teacher's have ${teacher.shape[1]}`,
          `Set projectionDim: ${teacher.shape[1]}, or use a teacher of the model's size.`,
        );
      }
      return distance(student, teacher);
    });
    return losses.reduce((sum, loss) => add(sum, loss)).div(losses.length);
  }

  /** Frees the projection. */
  dispose(): void {
    for (const parameter of this.namedParameters.values()) parameter.dispose();
  }

  override config(): Record<string, unknown> {
    return { name: this.name, ...this.options };
  }
}
