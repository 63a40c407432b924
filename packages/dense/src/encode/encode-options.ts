import type { PromptChoice, SortedBatchOptions } from "@ettin/core";

/** What a number of an embedding is kept as. */
export type Precision = "float32" | "int8" | "uint8" | "binary" | "ubinary";

/** The array that holds an embedding of a precision. */
export type EmbeddingOf<P extends Precision> = P extends "float32"
  ? Float32Array
  : P extends "int8" | "binary"
    ? Int8Array
    : Uint8Array;

export interface EncodeOptions<P extends Precision = "float32"> extends PromptChoice, SortedBatchOptions {
  /**
   * "token_embeddings" gives a text's token states in place of its embedding: `[tokens · hiddenSize]`, one token after
   * the other.
   *
   * @default "sentence_embedding"
   */
  outputValue?: "sentence_embedding" | "token_embeddings";
  /**
   * "int8" and "uint8": 256 steps between the least and the largest of each dimension; "binary" and "ubinary": one bit for
   * each dimension, 8 to a byte.
   *
   * @default "float32"
   */
  precision?: P;
  /** Brings each embedding to length 1, after it was cut. @default false */
  normalizeEmbeddings?: boolean;
  /** Keeps only so many of the first dimensions. @default the model's `truncateDim` */
  truncateDim?: number | null;
}
