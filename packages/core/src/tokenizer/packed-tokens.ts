/** Token ids of several texts, one after the other: a batch without padding. */
export interface PackedTokens {
  /** `[T]`, the ids of text after text. */
  readonly tokens: Int32Array;
  /** `[B + 1]`, where each text starts: first 0, last T. */
  readonly offsets: Int32Array;
  /** `[T]`, 0 for the first text of a pair and 1 for the second; only where the model kind has them (BERT). */
  readonly tokenTypes?: Int32Array;
}
