/** What a number of an embedding is kept as. */
export type Precision = "float32" | "int8" | "uint8" | "binary" | "ubinary";

export const precisions: readonly Precision[] = ["float32", "int8", "uint8", "binary", "ubinary"];

/** The array that holds an embedding of a precision. */
export type EmbeddingOf<P extends Precision> = P extends "float32"
  ? Float32Array
  : P extends "int8" | "binary"
    ? Int8Array
    : Uint8Array;
