/** Token ids of several texts, one after the other. */
export interface PackedTokens {
  /** `[T]`: the ids of all texts. */
  readonly tokens: Int32Array;
  /** `[B + 1]`: where each text starts; the first is 0, the last T. */
  readonly offsets: Int32Array;
  /** `[T]`, 0 or 1 for the first and second text of a pair; only where the kind of model uses them (BERT). */
  readonly tokenTypes?: Int32Array;
}
