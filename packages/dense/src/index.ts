/** The public surface, by name. */
export {
  BatchQueue,
  type Columns,
  communityDetection,
  createIndex,
  Dataset,
  Dense,
  type DenseOptions,
  type EmbeddingOf,
  type EmbeddingRanges,
  EngineError,
  type Labels,
  loadDataset,
  type ModuleActivation,
  mineHardNegatives,
  modelFingerprint,
  Normalize,
  type NormalizeOptions,
  openIndex,
  type Precision,
  paraphraseMining,
  QueueFullError,
  quantizeEmbeddings,
  rangesOf,
  semanticSearch,
  Transformer,
  type TransformerLoadOptions,
  type TransformerOptions,
  type VectorIndex,
} from "@ettin/core";
export type { CardData } from "./card/card-data.ts";
export type {
  CardFacts,
  ColumnFacts,
  DatasetFacts,
  HasCardFacts,
  LossFacts,
  TrainingFacts,
  TrainingLogLine,
} from "./card-facts.ts";
export type { EncodeOptions, EncodeStreamOptions } from "./encode/encode-options.ts";
export type { EncodedTexts } from "./encode/encode-stream.ts";
export * from "./evaluators/index.ts";
export type { FromPretrainedOptions } from "./load-model.ts";
export * from "./losses/index.ts";
export { SentenceTransformer } from "./model.ts";
export type { SaveModelOptions, SentenceTransformerOptions, TokenizeOptions } from "./model-options.ts";
export { type PoolingMode, poolingModes } from "./modules/pool-tokens.ts";
export { Pooling, type PoolingOptions } from "./modules/pooling.ts";
export { StaticEmbedding, type StaticEmbeddingOptions } from "./modules/static-embedding.ts";
export type { PushModelOptions } from "./push-model.ts";
export {
  SentenceTransformerTrainer,
  type SentenceTransformerTrainerOptions,
  type SentenceTransformerTrainingArguments,
} from "./trainer.ts";
