/** The public surface, by name. */
export {
  type Columns,
  Dense,
  type DenseOptions,
  type Labels,
  type ModuleActivation,
  Normalize,
  type NormalizeOptions,
  Transformer,
  type TransformerLoadOptions,
  type TransformerOptions,
} from "@ettin/core";
export type {
  CardFacts,
  ColumnFacts,
  DatasetFacts,
  HasCardFacts,
  LossFacts,
  TrainingFacts,
  TrainingLogLine,
} from "./card-facts.ts";
export type { EmbeddingOf, EncodeOptions, Precision } from "./encode/encode-options.ts";
export * from "./evaluators/index.ts";
export type { FromPretrainedOptions } from "./load-model.ts";
export * from "./losses/index.ts";
export { SentenceTransformer, type SentenceTransformerOptions, type TokenizeOptions } from "./model.ts";
export { type PoolingMode, poolingModes } from "./modules/pool-tokens.ts";
export { Pooling, type PoolingOptions } from "./modules/pooling.ts";
export { StaticEmbedding, type StaticEmbeddingOptions } from "./modules/static-embedding.ts";
