import type { DropoutDraw } from "../nn/pass.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What one call of a loss is told by the loop. */
export interface LossPass {
  /** Draws dropout masks. Without it (evaluation) nothing is dropped. */
  readonly dropout?: DropoutDraw;
  /** The most tokens that the model sees at once, for losses that encode in pieces themselves: `encodeInPieces`. */
  readonly maxTokensPerMicroBatch?: number;
  /** The most sequences that the model sees at once; where both limits are given, a piece keeps to both. */
  readonly maxSequencesPerMicroBatch?: number;
}

/** A part of a batch, small enough for the memory. */
export interface LossPiece<Batch> {
  readonly batch: Batch;
  /** The piece's part of the batch's mean: its targets among all targets. The shares of a batch add up to 1. */
  readonly share: number;
  /** How many sequences it has; dropout numbers them on from piece to piece. */
  readonly sequences: number;
}

/**
 * What training makes smaller: from a batch to a scalar. Everything in it is enqueued and returns at once; it runs in a
 * `tensorScope` of the loop.
 */
export interface Loss<Batch> {
  /**
   * The batch's mean loss, a float32 scalar. Named parts are summed for the gradient and logged apart.
   *
   * (A property, because TypeScript then holds a loss to the batch that it names.)
   *
   * @param pass without it nothing is dropped and nothing is cut into pieces
   */
  readonly forward: (batch: Batch, pass?: LossPass) => Tensor | Readonly<Record<string, Tensor>>;
  /**
   * What the batch weighs beside the others of its step (and of an evaluation): its number of targets for token losses.
   * A batch of weight 0 is left out.
   *
   * @default 1 in training; the number of rows in evaluation
   */
  weight?(batch: Batch): number;
  /**
   * Pieces of at most `maxTokens` tokens (a longer sequence is a piece of its own), whose share-weighted mean is the
   * batch's loss. Without this method the batch is never split, because the loss compares its rows; such a loss encodes
   * its texts in pieces: `encodeInPieces`.
   */
  split?(batch: Batch, maxTokens: number): readonly LossPiece<Batch>[];
  /** The loss's own parameters by name, float32; trained with the model's, and saved in `loss.safetensors`. */
  readonly namedParameters?: ReadonlyMap<string, Tensor>;
}
