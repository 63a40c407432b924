import type { DropoutOptions } from "../ops/dropout.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { AttentionCache } from "./attention-cache.ts";

/** Which dropout masks a forward pass draws: the same numbers give the same masks. */
export interface DropoutDraw {
  /** The run's seed. */
  seed: number;
  /** The optimizer step. */
  step: number;
  /**
   * The number, within the step, of the batch's first sequence.
   *
   * @default 0
   */
  firstSequence?: number;
  /** `[B]`: the sequences' numbers within the step, where they do not follow each other. */
  sequences?: Int32Array;
  /** Rates to use in place of the configuration's. */
  rates?: Partial<DropoutRates>;
}

/** The places of a model that may drop, and their rates in [0, 1). */
export interface DropoutRates {
  embedding: number;
  /** Attention probabilities. */
  attention: number;
  /** After the output projection of attention. */
  attentionOutput: number;
  mlp: number;
  classifier: number;
}

/** What one forward pass carries through the layers of a model. */
export interface Pass {
  /** `[B + 1]` int32, where each sequence starts. */
  readonly offsets: Tensor;
  /** The positions that the longest sequence needs. */
  readonly longest: number;
  readonly cache: AttentionCache | null;
  readonly draw: DropoutDraw | null;
  /** `[B]` int32: `draw.sequences` on the device. */
  readonly sequences: Tensor | null;
}

/**
 * The arguments of dropout at one place of the model, or null where nothing is dropped.
 *
 * @param rate the configuration's
 * @param site the place's number, the same in every pass
 */
export function drawAt(pass: Pass, place: keyof DropoutRates, rate: number, site: number): DropoutOptions | null {
  if (!pass.draw) return null;
  const { seed, step, firstSequence = 0, rates } = pass.draw;
  const chosen = rates?.[place] ?? rate;
  if (chosen === 0) return null;
  const { offsets, sequences } = pass;
  return { rate: chosen, seed, step, site, firstSequence, offsets, ...(sequences && { sequences }) };
}
