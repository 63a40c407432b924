import type { DropoutDraw } from "../nn/pass.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { PackedTexts } from "./columns.ts";

/** A model that makes one row of each text: what losses over embeddings call. */
export interface TextEncoder {
  /**
   * @param options `dropout` draws masks; without it nothing is dropped
   * @returns `[B, D]` float32, one row per text
   */
  forward(batch: PackedTexts, options?: { dropout?: DropoutDraw }): Tensor;
}
