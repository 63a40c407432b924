export { createIndex } from "./create-index.ts";
export { Corpus, type CorpusOptions, type CorpusType, exactSearch } from "./exact.ts";
export { type ImportHnswOptions, importHnsw } from "./import-hnsw.ts";
export type { IndexOptions } from "./index-options.ts";
export { type DocumentEncoder, isSameModel, modelFingerprint } from "./model-fingerprint.ts";
export { type OpenIndexOptions, openIndex } from "./open-index.ts";
export type { VectorRanges, VectorStorage } from "./row-codec.ts";
export type {
  AddOptions,
  Hit,
  IndexItem,
  IndexItems,
  Json,
  SearchOptions,
  VectorIndex,
  VectorMetric,
  VectorRows,
} from "./vector-index.ts";
