import {
  type Columns,
  checkOptions,
  contrastiveTension,
  encodeColumns,
  expectColumns,
  type Loss,
  type LossPass,
  labelTensor,
  type OptionNames,
  oneColumn,
  oneLabelPerRow,
  pairwiseDotScore,
  type Tensor,
} from "@ettin/core";
import {
  type CopyableEncoder,
  computeAlike,
  copyOf,
  copyParameters,
  expectTexts,
  type ModelCopyOptions,
  otherMasks,
} from "./model-copy.ts";

const OPTIONS: OptionNames<ModelCopyOptions> = { copy: true };

/**
 * Learns from texts alone: two copies of the model, trained apart, should agree on a text and itself, and disagree on
 * two texts. The first column is encoded by the copy, the second by the model.
 *
 *     loss = Σ_i log(1 + exp(s_i)) − y_i s_i,   s_i the dot product of both embeddings
 *
 * A sum over pairs. The copy's parameters are the loss's own: trained, saved in checkpoints, not part of the model.
 *
 * Paper: https://openreview.net/forum?id=Ov_sMNau-PF
 *
 * | columns | labels |
 * | --- | --- |
 * | text, the same or another text | 1 for the same, 0 for another; without labels, whether their ids are equal |
 *
 * Seven other pairs for each equal one are usual: `contrastiveTensionPairs` makes them of texts. `ContrastiveTensionLossInBatchNegatives` needs the texts only, and
 * usually learns more.
 *
 * @example
 * const trainDataset = contrastiveTensionPairs(texts);
 * const loss = new ContrastiveTensionLoss(model);
 */
export class ContrastiveTensionLoss implements Loss<Columns> {
  readonly name: string = "ContrastiveTensionLoss";
  readonly model: CopyableEncoder;
  readonly copy: CopyableEncoder;

  private readonly disposeCopy: () => void;

  constructor(model: CopyableEncoder, options: ModelCopyOptions = {}) {
    checkOptions("ContrastiveTensionLoss", options, OPTIONS);
    this.model = model;
    const { copy, dispose } = copyOf("ContrastiveTensionLoss", model, options.copy);
    this.copy = copy;
    this.disposeCopy = dispose;
  }

  /** The copy's. */
  get namedParameters(): ReadonlyMap<string, Tensor> {
    return new Map(copyParameters(this.copy));
  }

  forward(batch: Columns, pass: LossPass = {}): Tensor {
    expectTexts(this.name, batch, 2);
    computeAlike(this.model, this.copy);
    const [first, second] = [oneColumn(batch, 0, otherMasks(pass)), oneColumn(batch, 1, pass)];
    const [a] = encodeColumns(this.copy, first.batch, first.pass);
    const [b] = encodeColumns(this.model, second.batch, second.pass);
    return this.fromEmbeddings([a!, b!], batch);
  }

  /** @param columns `[rows, dim]` by the copy, `[rows, dim]` by the model */
  fromEmbeddings(columns: readonly Tensor[], batch: Columns): Tensor {
    const { rows } = expectColumns(this.name, columns, batch, {
      least: 2,
      most: 2,
      roles: "a text, then the same or another text",
    });
    const labels = batch.labels
      ? oneLabelPerRow(this.name, batch, rows, { meaning: "a label from 0 to 1", least: 0, most: 1 })
      : Float32Array.from({ length: rows }, (_, row) => Number(sameIds(batch, row, rows + row)));
    const [a, b] = columns as [Tensor, Tensor];
    return contrastiveTension(pairwiseDotScore(a, b), labelTensor(labels, [rows], a));
  }

  /** Frees the copy, where the loss made it. */
  dispose(): void {
    this.disposeCopy();
  }

  /** Its name and all options, for a model card. */
  config(): Record<string, unknown> {
    return { name: this.name };
  }
}

/** Whether two texts of a batch have the same ids. */
function sameIds({ tokens, offsets }: Columns, first: number, second: number): boolean {
  const [from, other] = [offsets[first]!, offsets[second]!];
  const length = offsets[first + 1]! - from;
  if (offsets[second + 1]! - other !== length) return false;
  for (let i = 0; i < length; i++) if (tokens[from + i] !== tokens[other + i]) return false;
  return true;
}
