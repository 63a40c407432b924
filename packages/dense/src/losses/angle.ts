import {
  type Columns,
  checkOptions,
  concat,
  cosent,
  EmbeddingLoss,
  expectColumns,
  labelTensor,
  type OptionNames,
  oneLabelPerRow,
  pairwiseAngleSim,
  type Tensor,
  type TextEncoder,
} from "@ettin/core";
import { expectScale } from "./cosent.ts";

export interface AnglEOptions {
  /**
   * Similarities are multiplied by it: the inverse of a temperature.
   *
   * @default 20
   */
  scale?: number;
}

const OPTIONS: OptionNames<AnglEOptions> = { scale: true };

/**
 * `CoSENTLoss` with the angle between embeddings that are read as complex vectors: where cosines are near 1 or −1 their
 * gradient vanishes, and that of the angle does not.
 *
 *     loss = log(1 + Σ_{i,j: y_i < y_j} exp(scale · (angle_i − angle_j)))
 *
 * Paper: https://arxiv.org/abs/2309.12871
 *
 * | columns | labels |
 * | --- | --- |
 * | text a, text b | a similarity, of any scale |
 * | anchor, positive, negative_1, …, negative_n | none, or a similarity from 0 to 1 |
 *
 * With negatives, each anchor makes a pair with each of its documents: the positive's label is the row's (1 without
 * labels), a negative's is 1 less that.
 *
 * @example
 * const loss = new AnglELoss(model);
 */
export class AnglELoss extends EmbeddingLoss {
  readonly name: string = "AnglELoss";
  readonly options: Required<AnglEOptions>;

  constructor(model: TextEncoder, options: AnglEOptions = {}) {
    super(model);
    const { scale = 20 } = checkOptions("AnglELoss", options, OPTIONS);
    this.options = { scale: expectScale("AnglELoss", scale) };
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, {
      least: 2,
      roles: "the two texts of a pair, or anchor, positive and negatives",
    });
    const [anchors, ...documents] = columns as [Tensor, ...Tensor[]];
    const labels =
      documents.length > 1 && !batch.labels
        ? new Float32Array(rows).fill(1)
        : oneLabelPerRow(this.name, batch, rows, {
            meaning: documents.length > 1 ? "a similarity from 0 to 1" : "a similarity",
            ...(documents.length > 1 && { least: 0, most: 1 }),
          });
    const negated = Float32Array.from(labels, (label) => 1 - label);
    const all = Float32Array.from(documents.flatMap((_, i) => [...(i === 0 ? labels : negated)]));
    const similarities = pairwiseAngleSim(concat(documents.map(() => anchors)), concat(documents));
    return cosent(similarities.mul(this.options.scale), labelTensor(all, [all.length], anchors));
  }

  override config(): Record<string, unknown> {
    return { name: this.name, ...this.options };
  }
}
