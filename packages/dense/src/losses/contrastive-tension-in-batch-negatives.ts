import {
  type Columns,
  checkOptions,
  encodeColumns,
  exp,
  expectColumns,
  type Loss,
  type LossPass,
  type OptionNames,
  parameter,
  resolveSimilarity,
  type SimilarityFunctionName,
  similarityName,
  symmetricInBatchNegatives,
  Tensor,
} from "@ettin/core";
import { expectScale } from "./cosent.ts";
import {
  type CopyableEncoder,
  computeAlike,
  copyOf,
  copyParameters,
  expectTexts,
  type ModelCopyOptions,
  otherMasks,
} from "./model-copy.ts";

export interface ContrastiveTensionInBatchNegativesOptions extends ModelCopyOptions {
  /**
   * What similarities are multiplied by at first; it is trained.
   *
   * @default 20
   */
  scale?: number;
  /**
   * A name, or a function from `[n, dim]` and `[m, dim]` to `[n, m]`.
   *
   * @default "cosine"
   */
  similarityFct?: SimilarityFunctionName | ((a: Tensor, b: Tensor) => Tensor);
}

const OPTIONS: OptionNames<ContrastiveTensionInBatchNegativesOptions> = {
  copy: true,
  scale: true,
  similarityFct: true,
};

/**
 * Learns from texts alone: two copies of the model, trained apart, should each find a text among the other's embeddings
 * of the batch.
 *
 *     loss = ½ mean_i( log Σ_j exp(e^t s_ij) + log Σ_j exp(e^t s_ji) ) − mean_i e^t s_ii
 *
 * The copy and the scale's logarithm t are the loss's own: trained, saved in checkpoints, not part of the model.
 *
 * Paper: https://openreview.net/forum?id=Ov_sMNau-PF
 *
 * | columns | labels |
 * | --- | --- |
 * | text | none |
 *
 * @example
 * const loss = new ContrastiveTensionLossInBatchNegatives(model);
 */
export class ContrastiveTensionLossInBatchNegatives implements Loss<Columns> {
  readonly name: string = "ContrastiveTensionLossInBatchNegatives";
  readonly model: CopyableEncoder;
  readonly copy: CopyableEncoder;
  private readonly given: { readonly scale: number; readonly similarityFct: string };
  private readonly similarity: (a: Tensor, b: Tensor) => Tensor;
  private readonly logitScale: Tensor;

  private readonly disposeCopy: () => void;

  constructor(model: CopyableEncoder, options: ContrastiveTensionInBatchNegativesOptions = {}) {
    checkOptions("ContrastiveTensionLossInBatchNegatives", options, OPTIONS);
    const { scale = 20, similarityFct = "cosine" } = options;
    this.model = model;
    expectScale("ContrastiveTensionLossInBatchNegatives", scale);
    this.given = { scale, similarityFct: similarityName(similarityFct) };
    this.similarity = resolveSimilarity(similarityFct, "matrix");
    const { copy, dispose } = copyOf("ContrastiveTensionLossInBatchNegatives", model, options.copy);
    this.copy = copy;
    this.disposeCopy = dispose;
    const { device } = model as { device?: Tensor["device"] };
    this.logitScale = parameter(Tensor.full([], Math.log(scale), { ...(device && { device }) }));
  }

  /** The copy's, and the logarithm of the scale. */
  get namedParameters(): ReadonlyMap<string, Tensor> {
    return new Map([...copyParameters(this.copy), ["logit_scale", this.logitScale]]);
  }

  forward(batch: Columns, pass: LossPass = {}): Tensor {
    expectTexts(this.name, batch, 1);
    computeAlike(this.model, this.copy);
    const [a] = encodeColumns(this.copy, batch, otherMasks(pass));
    const [b] = encodeColumns(this.model, batch, pass);
    return this.fromEmbeddings([a!, b!], batch);
  }

  /** @param columns `[rows, dim]` by the copy, `[rows, dim]` by the model */
  fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    expectColumns(this.name, columns, batch, { least: 2, most: 2, roles: "both models' embeddings" });
    const [a, b] = columns as [Tensor, Tensor];
    return symmetricInBatchNegatives(this.similarity(a, b).mul(exp(this.logitScale)));
  }

  /** Frees the scale, and the copy where the loss made it. */
  dispose(): void {
    this.disposeCopy();
    this.logitScale.dispose();
  }

  /** Its name and all options, for a model card. */
  config(): Record<string, unknown> {
    return { name: this.name, ...this.given };
  }
}
