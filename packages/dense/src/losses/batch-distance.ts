import {
  affine,
  type Columns,
  cosSim,
  EmbeddingLoss,
  EngineError,
  euclideanSim,
  expectColumns,
  type Labels,
  oneLabelPerRow,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";
import { distanceName } from "./siamese-distance.ts";

/** How far the texts of a batch are apart: the length of the difference, or `1 − cosine`. */
export type BatchDistanceMetric = "euclidean" | "cosine";

const distances: Readonly<Record<BatchDistanceMetric, (embeddings: Tensor) => Tensor>> = {
  euclidean: (embeddings) => euclideanSim(embeddings, embeddings).neg(),
  cosine: (embeddings) => affine(cosSim(embeddings, embeddings), -1, 1),
};

export interface BatchDistanceOptions {
  /**
   * A name, or a function from `[n, dim]` to all distances `[n, n]`.
   *
   * @default "euclidean"
   */
  distanceMetric?: BatchDistanceMetric | ((embeddings: Tensor) => Tensor);
}

/** Losses that make triplets of a batch of texts with class labels. */
export abstract class BatchTripletLoss extends EmbeddingLoss {
  private readonly distanceMetric: NonNullable<BatchDistanceOptions["distanceMetric"]>;

  constructor(model: TextEncoder, { distanceMetric = "euclidean" }: BatchDistanceOptions) {
    super(model);
    this.distanceMetric = distanceMetric;
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, { least: 1, most: 1, roles: "a text" });
    const classes = oneLabelPerRow(this.name, batch, rows, { meaning: "the number of a class", whole: true });
    this.refuseOneClass(classes);
    return this.fromDistances(this.distance(columns[0]!), classes);
  }

  /**
   * @param distances `[n, n]`
   * @param classes the rows' labels, two or more different ones
   */
  protected abstract fromDistances(distances: Tensor, classes: Labels["values"]): Tensor;

  private refuseOneClass(classes: Labels["values"]): void {
    if (classes.some((label) => label !== classes[0])) return;
    throw new EngineError(
      this.name,
      `all ${classes.length} rows of the batch have the label ${classes[0]}, so that there are no negatives`,
      'Use batches of several labels: batchSampler: "group_by_label", or a shuffled dataset.',
    );
  }

  private distance(embeddings: Tensor): Tensor {
    const { distanceMetric } = this;
    if (typeof distanceMetric === "function") return distanceMetric(embeddings);
    if (Object.hasOwn(distances, distanceMetric)) return distances[distanceMetric](embeddings);
    throw new EngineError(
      this.name,
      `there is no distance "${distanceMetric}"`,
      `Names are ${Object.keys(distances).join(", ")}.`,
    );
  }

  override config(): Record<string, unknown> {
    return { name: this.name, distanceMetric: distanceName(this.distanceMetric) };
  }
}
