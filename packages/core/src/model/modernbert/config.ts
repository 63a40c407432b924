import type { RopeParameters } from "../../nn/rope.ts";
import type { ModelConfig } from "../config.ts";

export type LayerType = "full_attention" | "sliding_attention";

/** The configuration of a ModernBERT encoder or decoder. */
export interface ModernBertConfig extends ModelConfig {
  readonly modelType: "modernbert" | "modernbert-decoder";
  readonly clsTokenId: number | null;
  readonly sepTokenId: number | null;
  /** Of the MLP's gate. @default "gelu" */
  readonly hiddenActivation: string;
  /** Spread of the initial weights. @default 0.02 */
  readonly initializerRange: number;
  /** Where initial weights are cut off, in spreads; null: 3. @default 2 */
  readonly initializerCutoffFactor: number | null;
  /** @default 1e-5 */
  readonly normEps: number;
  /** @default false */
  readonly normBias: boolean;
  /** Of both projections of attention. @default false */
  readonly attentionBias: boolean;
  /** Of both projections of the MLP. @default false */
  readonly mlpBias: boolean;
  /** Of attention's probabilities and of its output. @default 0 */
  readonly attentionDropout: number;
  /** @default 0 */
  readonly embeddingDropout: number;
  /** @default 0 */
  readonly mlpDropout: number;
  /** @default 0 */
  readonly classifierDropout: number;
  /** The window of local layers, both sides together. @default 128 */
  readonly localAttention: number;
  /**
   * Half of the window. An encoder's token sees so many to each side, a decoder's itself and so many less one before.
   *
   * @default half of `localAttention`, rounded down
   */
  readonly slidingWindow: number;
  /** Which layers are global, per layer. @default every third, from the first on */
  readonly layerTypes: readonly LayerType[];
  /** Rotary embeddings of global and of local layers. */
  readonly ropeParameters: { readonly fullAttention: RopeParameters; readonly slidingAttention: RopeParameters };
  /** A bias on the projection to the vocabulary. @default true */
  readonly decoderBias: boolean;
  /** A bias in the prediction head, and in a decoder's classifier. @default false */
  readonly classifierBias: boolean;
  /** Of the prediction head. @default "gelu" */
  readonly classifierActivation: string;
  /** What an encoder's sequence classifier reads: the first token, or the mean of all. @default "cls" */
  readonly classifierPooling: "cls" | "mean";
  /** Decoders only: whether a token sees none after itself. @default true */
  readonly isCausal: boolean;
}
