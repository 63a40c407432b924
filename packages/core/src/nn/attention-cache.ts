import type { RotaryTable } from "../ops/rotary.ts";
import type { Tensor } from "../tensor/tensor.ts";

export interface CachedAttentionOptions {
  /** `[sequences + 1]` int32, where each sequence's new tokens start. */
  offsets: Tensor;
  /** Query heads. */
  heads: number;
  /** Key and value heads. */
  kvHeads: number;
  /** Rotates queries and keys by their positions, which go on from what the cache holds. */
  rotary?: RotaryTable;
  /** How many keys before and after its own place a query sees. Without it a query sees all keys up to its own. */
  window?: readonly [left: number, right: number];
  /** @default 1 / sqrt(head size) */
  scale?: number;
}

/** The keys and values of the tokens seen so far, as the layers of a decoder see it. */
export interface AttentionCache {
  /** Tokens that the longest sequence has so far. */
  readonly longest: number;
  /**
   * Causal attention of new tokens to those held and to themselves; keeps their keys and values. Called once per layer
   * and forward pass.
   *
   * @param layer from 0
   * @param qkv `[tokens, (heads + 2 · kvHeads) · dim]` of the new tokens, before rotation
   * @returns `[tokens, heads · dim]`
   */
  attend(layer: number, qkv: Tensor, options: CachedAttentionOptions): Tensor;
  /**
   * Counts the new tokens as held. Called once at the end of a forward pass.
   *
   * @param offsets `[sequences + 1]`, where each sequence's new tokens start
   */
  advance(offsets: Int32Array): void;
}
