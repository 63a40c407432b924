import type { PackedTokens } from "../tokenizer/packed-tokens.ts";
import type { Sized } from "../trainer/collator.ts";

/** Packed texts, and where pooling begins in each. */
export interface PackedTexts extends PackedTokens {
  /** `[B]`: for each text the first row that pooling sees, where a prompt is left out. @default `offsets[b]` */
  readonly starts?: Int32Array;
}

/** The labels of a batch's rows, a number or (nested) lists of numbers each. Whole numbers are int32, others float32. */
export interface Labels {
  readonly values: Int32Array | Float32Array;
  /** `[rows]`, `[rows, width]`, `[rows, columns, dim]`. */
  readonly shape: readonly number[];
}

/**
 * A batch of rows whose columns are texts: one packed stream, column after column, so that the model runs once. Roles go
 * by the order of the columns: anchors, positives, negatives.
 */
export interface Columns extends PackedTexts, Sized {
  /** How many texts each column has: as many as there are rows. They add up to `sequenceCount`. */
  readonly columns: readonly number[];
  readonly names: readonly string[];
  /** Column by column, prompts included: for a guide that reads them with its own tokenizer. */
  readonly texts: readonly (readonly string[])[];
  readonly labels: Labels | null;
  /** The dataset that the rows are from, where there are several. */
  readonly datasetName: string | null;
}
