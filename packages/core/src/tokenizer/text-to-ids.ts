/** Texts to ids without special tokens around them: what the native tokenizer and the library both do. */
export interface TextToIds {
  /** Ids of one text, at once. */
  encode(text: string): Int32Array;
  /** Ids of several texts, off the JavaScript thread. */
  encodeBatch(texts: readonly string[]): Promise<EncodedTexts>;
  /** Gives back native memory and threads. */
  dispose(): void;
}

/** Text i has the ids `ids[offsets[i]]` up to `ids[offsets[i + 1]]`. */
export interface EncodedTexts {
  readonly ids: Int32Array;
  readonly offsets: Int32Array;
}
