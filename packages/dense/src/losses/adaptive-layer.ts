import {
  addLosses,
  type Columns,
  checkOptions,
  concat,
  type DropoutDraw,
  drawSubset,
  type EmbeddingLoss,
  EngineError,
  encodeInPieces,
  type Loss,
  type LossPass,
  type LossValue,
  type OptionNames,
  type PackedTexts,
  refuseEmptyTexts,
  scaleLoss,
  softmaxDivergence,
  split,
  Tensor,
  type TextEncoder,
} from "@ettin/core";
import { expectInner } from "./inner-loss.ts";

/** A model that makes a row of each text after each of its layers. */
export interface LayeredEncoder extends TextEncoder {
  /** @returns `[B, D]` per hidden state: that of the embeddings first, the model's own result last */
  forwardLayers(batch: PackedTexts, options?: { dropout?: DropoutDraw }): Tensor[];
}

export interface AdaptiveLayerOptions {
  /**
   * How many earlier layers each step takes besides the last one, drawn anew; −1 for all.
   *
   * @default 1
   */
  nLayersPerStep?: number;
  /** @default 1 */
  lastLayerWeight?: number;
  /** @default 1 */
  priorLayersWeight?: number;
  /**
   * What the divergence of earlier layers from the last one counts.
   *
   * @default 1
   */
  klDivWeight?: number;
  /**
   * Embeddings are divided by it before the softmax that compares layers; 0 leaves the divergence out.
   *
   * @default 0.3
   */
  klTemperature?: number;
  /**
   * What layer l counts among earlier ones: 1, `1 / (1 + ln(1 + l))`, `1 / (1 + l)`, or a function of l. Layer 0 is the
   * embeddings.
   *
   * @default "uniform"
   */
  layerWeighting?: "uniform" | "log" | "linear" | ((layer: number) => number);
}

const weightings: Readonly<Record<"uniform" | "log" | "linear", (layer: number) => number>> = {
  uniform: () => 1,
  log: (layer) => 1 / (1 + Math.log(1 + layer)),
  linear: (layer) => 1 / (1 + layer),
};

export const adaptiveLayerOptions: OptionNames<AdaptiveLayerOptions> = {
  nLayersPerStep: true,
  lastLayerWeight: true,
  priorLayersWeight: true,
  klDivWeight: true,
  klTemperature: true,
  layerWeighting: true,
};

/**
 * Makes earlier layers of a model usable as its last one, so that layers may be removed to save time: the inner loss on
 * the last layer and on some earlier ones, which also should agree with the last.
 *
 *     loss = w · inner(x_last) + Σ_l [ v · w_l / n · inner(x_l) + k · T · KL( softmax(x_last / T) ‖ softmax(x_l / T) ) ]
 *
 * over the n drawn layers. The texts are encoded once.
 *
 * Paper: https://arxiv.org/abs/2402.14776
 *
 * Columns and labels are those of the inner loss.
 *
 * @example
 * const loss = new AdaptiveLayerLoss(model, new MultipleNegativesRankingLoss(model), { nLayersPerStep: 1 });
 */
export class AdaptiveLayerLoss implements Loss<Columns> {
  readonly name: string = "AdaptiveLayerLoss";
  readonly model: LayeredEncoder;
  readonly loss: EmbeddingLoss;
  readonly options: Required<AdaptiveLayerOptions>;
  private readonly weightOf: (layer: number) => number;

  constructor(model: LayeredEncoder, loss: EmbeddingLoss, options: AdaptiveLayerOptions = {}) {
    this.model = model;
    this.loss = expectInner("AdaptiveLayerLoss", loss);
    checkOptions("AdaptiveLayerLoss", options, adaptiveLayerOptions);
    this.options = {
      nLayersPerStep: 1,
      lastLayerWeight: 1,
      priorLayersWeight: 1,
      klDivWeight: 1,
      klTemperature: 0.3,
      layerWeighting: "uniform",
      ...options,
    };
    const { layerWeighting } = this.options;
    if (typeof layerWeighting !== "function" && !Object.hasOwn(weightings, layerWeighting)) {
      throw new EngineError(
        "AdaptiveLayerLoss",
        `there is no layerWeighting "${layerWeighting}"`,
        `Use ${Object.keys(weightings).join(", ")} or a function.`,
      );
    }
    this.weightOf = typeof layerWeighting === "function" ? layerWeighting : weightings[layerWeighting];
  }

  /** The inner loss's. */
  get namedParameters(): ReadonlyMap<string, Tensor> {
    return this.loss.namedParameters;
  }

  forward(batch: Columns, pass: LossPass = {}): LossValue {
    const { layers, drawn } = this.encodeLayers(batch, pass);
    const { lastLayerWeight, priorLayersWeight, klDivWeight, klTemperature } = this.options;
    const [last, ...prior] = layers as [Tensor, ...Tensor[]];
    const inner = (rows: Tensor) => this.loss.fromEmbeddings(split(rows, batch.columns), batch, pass);
    const values = [scaleLoss(inner(last), lastLayerWeight)];
    for (const [i, layer] of drawn.entries()) {
      const share = (this.weightOf(layer) / drawn.length) * priorLayersWeight;
      values.push(scaleLoss(inner(prior[i]!), share));
      if (!(klTemperature > 0)) continue;
      const divergence = softmaxDivergence(prior[i]!.div(klTemperature), last.div(klTemperature));
      const weighted = divergence.mul(klTemperature * klDivWeight);
      values.push(values[0] instanceof Tensor ? weighted : { kl_div: weighted });
    }
    return addLosses(values);
  }

  /** The last layer's rows, then those of the drawn layers; which layers these are. */
  private encodeLayers(batch: Columns, pass: LossPass): { layers: Tensor[]; drawn: number[] } {
    refuseEmptyTexts(batch);
    let drawn: number[] = [];
    const rows = encodeInPieces(
      batch,
      (piece, options) => {
        const layers = this.model.forwardLayers(piece, options);
        drawn = drawSubset("layers", layers.length - 1, this.options.nLayersPerStep, pass);
        return concat([layers.at(-1)!, ...drawn.map((layer) => layers[layer]!)], 1);
      },
      this.loss.encodingPass(pass),
    );
    const count = drawn.length + 1;
    const dim = rows.shape[1]! / count;
    return { layers: split(rows, new Array<number>(count).fill(dim), 1), drawn };
  }

  /** Its name and all options, for a model card. */
  config(): Record<string, unknown> {
    const { layerWeighting, ...options } = this.options;
    const weighting = typeof layerWeighting === "function" ? layerWeighting.name || "custom" : layerWeighting;
    return { name: this.name, loss: this.loss.config(), ...options, layerWeighting: weighting };
  }
}
