import {
  type Columns,
  checkOptions,
  classTensor,
  crossEntropy,
  EmbeddingLoss,
  EngineError,
  encodeColumns,
  expectColumns,
  type OptionNames,
  oneLabelPerRow,
  type PairFeatures,
  pairFeatures,
  pairFeatureVectors,
  type Tensor,
  uniformLinear,
} from "@ettin/core";
import type { SizedEncoder } from "./embed-distill.ts";

export interface SoftmaxOptions extends PairFeatures {
  /** How many classes there are. */
  numLabels: number;
  /**
   * The size of the model's embeddings.
   *
   * @default the model's `embeddingDimension`
   */
  embeddingDimension?: number;
  /**
   * The same seed draws the same classifier.
   *
   * @default 42
   */
  seed?: number;
}

const OPTIONS: OptionNames<SoftmaxOptions> = {
  numLabels: true,
  embeddingDimension: true,
  seed: true,
  concatenationSentRep: true,
  concatenationSentDifference: true,
  concatenationSentMultiplication: true,
};

/**
 * A classifier of pairs on top of both embeddings u and v, as for natural language inference.
 *
 *     loss = cross-entropy( W [u; v; |u − v|] + b, class )
 *
 * The classifier is the loss's own: trained with the model, saved in checkpoints, not part of the model.
 *
 * Paper: https://arxiv.org/abs/1908.10084
 *
 * | columns | labels |
 * | --- | --- |
 * | text a, text b | the number of a class, from 0 |
 *
 * `MultipleNegativesRankingLoss` on (anchor, entailment, contradiction) usually makes better embeddings of such data.
 *
 * @example
 * const loss = new SoftmaxLoss(model, { numLabels: 3 });
 */
export class SoftmaxLoss extends EmbeddingLoss {
  readonly name: string = "SoftmaxLoss";
  readonly numLabels: number;
  private readonly features: Required<PairFeatures>;
  private readonly embeddingDimension: number;
  private readonly classifier: ReturnType<typeof uniformLinear>;

  constructor(model: SizedEncoder, options: SoftmaxOptions) {
    super(model);
    const { numLabels, seed = 42, ...others } = checkOptions("SoftmaxLoss", options ?? {}, OPTIONS);
    if (!Number.isSafeInteger(numLabels) || numLabels < 2) {
      const found = numLabels === undefined ? "missing" : numLabels;
      throw new EngineError("SoftmaxLoss", `numLabels is ${found}`, "Give the number of classes: { numLabels: 3 }.");
    }
    const {
      concatenationSentRep = true,
      concatenationSentDifference = true,
      concatenationSentMultiplication = false,
    } = others;
    this.numLabels = numLabels;
    this.features = { concatenationSentRep, concatenationSentDifference, concatenationSentMultiplication };
    this.embeddingDimension = others.embeddingDimension ?? model.embeddingDimension ?? Number.NaN;
    const vectors = pairFeatureVectors("SoftmaxLoss", this.features);
    const sizes = { in: vectors * this.embeddingDimension, out: numLabels };
    this.classifier = uniformLinear("SoftmaxLoss", sizes, { seed, device: model.device });
  }

  /** The classifier's weight `[numLabels, features]` and bias, float32. */
  override get namedParameters(): ReadonlyMap<string, Tensor> {
    return new Map([
      ["classifier.weight", this.classifier.weight],
      ["classifier.bias", this.classifier.bias!],
    ]);
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const logits = this.classify(columns, batch);
    const rows = logits.shape[0]!;
    const meaning = `the number of a class from 0 to ${this.numLabels - 1}`;
    const labels = oneLabelPerRow(this.name, batch, rows, { meaning, least: 0, most: this.numLabels - 1, whole: true });
    return crossEntropy(logits, classTensor(labels, logits));
  }

  /**
   * What the classifier makes of a batch's pairs, without dropout.
   *
   * @returns `[rows, numLabels]`
   */
  logits(batch: Columns): Tensor {
    return this.classify(encodeColumns(this.model, batch), batch);
  }

  private classify(columns: readonly Tensor[], batch: Columns): Tensor {
    const { dim } = expectColumns(this.name, columns, batch, {
      least: 2,
      most: 2,
      roles: "the two texts of a pair",
    });
    if (dim !== this.embeddingDimension) {
      throw new EngineError(
        this.name,
        `embeddings have ${dim} dimensions, but the classifier was made for ${this.embeddingDimension}`,
        `Set embeddingDimension: ${dim}.`,
      );
    }
    const [u, v] = columns as [Tensor, Tensor];
    return this.classifier.forward(pairFeatures(u, v, this.features));
  }

  /** Frees the classifier. */
  dispose(): void {
    for (const parameter of this.namedParameters.values()) parameter.dispose();
  }

  override config(): Record<string, unknown> {
    return { name: this.name, numLabels: this.numLabels, ...this.features };
  }
}
