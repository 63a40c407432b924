import {
  type Columns,
  checkOptions,
  dotScore,
  EmbeddingLoss,
  encodeColumns,
  expectColumns,
  type GuidedBlock,
  type GuidedOptions,
  guidedNegatives,
  inRowChunks,
  type LossPass,
  l2Normalize,
  mean,
  noGrad,
  type OptionNames,
  resolveGuided,
  type Tensor,
} from "@ettin/core";
import { expectGuide, type GuideModel, guideBatch, type TokenizedEncoder } from "./guide.ts";

export interface GISTEmbedOptions extends GuidedOptions {
  /**
   * Whether other anchors count as negatives.
   *
   * @default true
   */
  contrastAnchors?: boolean;
  /**
   * Whether the positives of other rows count as negatives of a positive.
   *
   * @default true
   */
  contrastPositives?: boolean;
}

export const gistOptions: OptionNames<GISTEmbedOptions> = {
  temperature: true,
  marginStrategy: true,
  margin: true,
  contrastAnchors: true,
  contrastPositives: true,
};

/**
 * In-batch negatives from which a guide, a second model that is not trained, leaves out false ones: candidates that it
 * finds more similar to the row than the row's own pair, less a margin.
 *
 *     loss = mean_i( log Σ_{j kept} exp(s_ij / temperature) − s(a_i, p_i) / temperature )
 *
 * Candidates of row i are all positives and negatives, all anchors, and all positives once more, compared with p_i.
 *
 * Paper: https://arxiv.org/abs/2402.16829
 *
 * | columns | labels |
 * | --- | --- |
 * | anchor, positive | none |
 * | anchor, positive, negative_1, …, negative_n | none |
 *
 * The guide reads the same texts: the batch's ids where its vocabulary is the model's, else its own.
 *
 * @example
 * const guide = await SentenceTransformer.fromPretrained("sentence-transformers/all-MiniLM-L6-v2");
 * const loss = new GISTEmbedLoss(model, guide);
 */
export class GISTEmbedLoss extends EmbeddingLoss<TokenizedEncoder> {
  readonly name: string = "GISTEmbedLoss";
  readonly guide: GuideModel;
  readonly options: Required<GISTEmbedOptions>;
  private seen: { readonly batch: Int32Array; readonly columns: readonly Tensor[] } | null = null;

  constructor(model: TokenizedEncoder, guide: GuideModel, options: GISTEmbedOptions = {}) {
    super(model);
    this.guide = expectGuide("GISTEmbedLoss", guide);
    checkOptions("GISTEmbedLoss", options, gistOptions);
    const { contrastAnchors = true, contrastPositives = true } = options;
    this.options = { ...resolveGuided("GISTEmbedLoss", options), contrastAnchors, contrastPositives };
  }

  override fromEmbeddings(columns: readonly Tensor[], batch: Columns, pass: LossPass = {}): Tensor {
    const roles = "anchor, positive, then any negatives";
    const { rows: n } = expectColumns(this.name, columns, batch, { least: 2, roles });
    const unit = columns.map((column) => l2Normalize(column, { eps: 1e-8 }));
    const guides = this.guideColumns(batch, pass);
    const { contrastAnchors, contrastPositives } = this.options;
    const losses = inRowChunks(
      [unit[0]!, guides[0]!, unit[1]!, guides[1]!],
      [...unit, ...guides],
      this.rowsPerChunk(n * (columns.length + 1)),
      ([anchors, guideAnchors, positives, guidePositives], whole, first) => {
        const against = (rows: Tensor, guideRows: Tensor, column: number): GuidedBlock => ({
          similarities: dotScore(rows, whole[column]!),
          guide: dotScore(guideRows, whole[columns.length + column]!),
        });
        const others = columns.slice(2).map((_, i) => against(anchors!, guideAnchors!, 2 + i));
        if (contrastAnchors) others.push(against(anchors!, guideAnchors!, 0));
        if (contrastPositives) others.push(against(positives!, guidePositives!, 1));
        return guidedNegatives(against(anchors!, guideAnchors!, 1), others, this.options, first);
      },
    );
    return mean(losses);
  }

  /** The guide's embeddings of a batch, of length 1: encoded once where several dimensions are scored. */
  private guideColumns(batch: Columns, pass: LossPass): readonly Tensor[] {
    if (this.seen?.batch === batch.tokens && this.seen.columns.every((column) => !column.isDisposed)) {
      return this.seen.columns;
    }
    const { dropout: _, ...limits } = this.encodingPass(pass);
    const columns = noGrad(() =>
      encodeColumns(this.guide, guideBatch(batch, this.model, this.guide), limits).map((column) =>
        l2Normalize(column, { eps: 1e-8 }),
      ),
    );
    this.seen = { batch: batch.tokens, columns };
    return columns;
  }

  override config(): Record<string, unknown> {
    return { name: this.name, ...this.options };
  }
}
