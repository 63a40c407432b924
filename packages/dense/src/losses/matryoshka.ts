import {
  addLosses,
  type Columns,
  checkOptions,
  drawSubset,
  EmbeddingLoss,
  EngineError,
  type Labels,
  type LossPass,
  type LossValue,
  l2Normalize,
  type OptionNames,
  scaleLoss,
  type Tensor,
} from "@ettin/core";
import type { SizedEncoder } from "./embed-distill.ts";
import { expectInner } from "./inner-loss.ts";

export interface MatryoshkaOptions {
  /** How many leading components of an embedding are scored: the model's dimension, and smaller ones. */
  matryoshkaDims: readonly number[];
  /**
   * What each of them counts, in the same order.
   *
   * @default 1 for each
   */
  matryoshkaWeights?: readonly number[] | null;
  /**
   * How many of them each step takes, drawn anew; −1 for all.
   *
   * @default -1
   */
  nDimsPerStep?: number;
}

const OPTIONS: OptionNames<MatryoshkaOptions> = { matryoshkaDims: true, matryoshkaWeights: true, nDimsPerStep: true };

/**
 * Makes the leading components of an embedding an embedding of their own, so that it may be cut to save space: the inner
 * loss on each of several dimensions, normalized to length 1 after each cut.
 *
 *     loss = Σ_d weight_d · inner(normalize(x[0 … d]))
 *
 * The texts are encoded once, also by a cached inner loss.
 *
 * Paper: https://arxiv.org/abs/2205.13147
 *
 * Columns and labels are those of the inner loss. Labels that are vectors of the model's size are cut as well.
 *
 * @example
 * const inner = new MultipleNegativesRankingLoss(model);
 * const loss = new MatryoshkaLoss(model, inner, { matryoshkaDims: [768, 512, 256, 128, 64] });
 */
export class MatryoshkaLoss extends EmbeddingLoss {
  readonly name: string = "MatryoshkaLoss";
  readonly loss: EmbeddingLoss;
  /** Largest first. */
  readonly matryoshkaDims: readonly number[];
  readonly matryoshkaWeights: readonly number[];
  readonly nDimsPerStep: number;

  constructor(model: SizedEncoder, loss: EmbeddingLoss, options: MatryoshkaOptions) {
    super(model);
    this.loss = expectInner("MatryoshkaLoss", loss);
    const { matryoshkaDims: dims, nDimsPerStep = -1 } = checkOptions("MatryoshkaLoss", options ?? {}, OPTIONS);
    if (!Array.isArray(dims)) {
      throw new EngineError(
        "MatryoshkaLoss",
        `matryoshkaDims is ${dims === undefined ? "missing" : JSON.stringify(dims)}`,
        "Give a list of dimensions: { matryoshkaDims: [768, 256, 64] }.",
      );
    }
    const weights = options.matryoshkaWeights ?? dims.map(() => 1);
    if (dims.length === 0) throw new EngineError("MatryoshkaLoss", "matryoshkaDims is empty", "Give a dimension.");
    if (weights.length !== dims.length) {
      throw new EngineError(
        "MatryoshkaLoss",
        `there are ${dims.length} matryoshkaDims, but ${weights.length} matryoshkaWeights`,
        "Give one weight for each dimension.",
      );
    }
    const largest = model.embeddingDimension ?? Number.POSITIVE_INFINITY;
    const wrong = dims.find((dim) => !Number.isSafeInteger(dim) || dim < 1 || dim > largest);
    if (wrong !== undefined) {
      throw new EngineError(
        "MatryoshkaLoss",
        `${wrong} is among matryoshkaDims`,
        `Give whole numbers from 1 to ${Number.isFinite(largest) ? largest : "the model's dimension"}.`,
      );
    }
    const order = dims.map((_, i) => i).sort((a, b) => dims[b]! - dims[a]!);
    this.matryoshkaDims = order.map((i) => dims[i]!);
    this.matryoshkaWeights = order.map((i) => weights[i]!);
    this.nDimsPerStep = nDimsPerStep;
  }

  /** The inner loss's. */
  override get namedParameters(): ReadonlyMap<string, Tensor> {
    return this.loss.namedParameters;
  }

  override encodingPass(pass: LossPass): LossPass {
    return this.loss.encodingPass(pass);
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns, pass: LossPass = {}): LossValue {
    const whole = columns[0]?.shape[1] ?? 0;
    const values: LossValue[] = [];
    let cut = columns;
    for (const i of drawSubset("dimensions", this.matryoshkaDims.length, this.nDimsPerStep, pass)) {
      const dim = this.matryoshkaDims[i]!;
      if (dim > whole) {
        throw new EngineError(
          this.name,
          `${dim} is among matryoshkaDims, but embeddings have ${whole} dimensions`,
          `Give numbers from 1 to ${whole}.`,
        );
      }
      cut = cut.map((column) => l2Normalize(column.slice(0, dim, 1)));
      const labels = batch.labels && cutLabels(batch.labels, whole, dim);
      const value = this.loss.fromEmbeddings(cut, labels === batch.labels ? batch : { ...batch, labels }, pass);
      values.push(scaleLoss(value, this.matryoshkaWeights[i]!));
    }
    return addLosses(values);
  }

  override config(): Record<string, unknown> {
    const { name, matryoshkaDims, matryoshkaWeights, nDimsPerStep } = this;
    return { name, loss: this.loss.config(), matryoshkaDims, matryoshkaWeights, nDimsPerStep };
  }
}

/** Vectors as wide as an embedding, cut with it; other labels as they are. */
function cutLabels(labels: Labels, whole: number, dim: number): Labels {
  if (dim === whole || labels.shape.length < 2 || labels.shape.at(-1) !== whole) return labels;
  const vectors = labels.values.length / whole;
  const values = new Float32Array(vectors * dim);
  for (let i = 0; i < vectors; i++) values.set(labels.values.subarray(i * whole, i * whole + dim), i * dim);
  return { values, shape: [...labels.shape.slice(0, -1), dim] };
}
