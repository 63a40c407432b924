import type { EmbeddingRanges, Precision, PromptChoice, SortedBatchOptions } from "@ettin/core";

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
  /** Of "int8" and "uint8": the least and the largest of each dimension. @default those of `calibrationEmbeddings` */
  ranges?: EmbeddingRanges;
  /** Of "int8" and "uint8": embeddings that stand for all. @default the call's own */
  calibrationEmbeddings?: readonly Float32Array[];
  /** Brings each embedding to length 1, after it was cut. @default false */
  normalizeEmbeddings?: boolean;
  /** Keeps only so many of the first dimensions. @default the model's `truncateDim` */
  truncateDim?: number | null;
}

export interface EncodeStreamOptions<P extends Precision = "float32"> extends Omit<EncodeOptions<P>, "onProgress"> {
  /** Takes the prompt of queries or documents where the call names none. */
  task?: "query" | "document";
  /** Texts of a batch that is yielded: those that are sorted by length together, and in memory. @default 4096 */
  textsPerBatch?: number;
}
