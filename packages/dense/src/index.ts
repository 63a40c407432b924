/** The public surface, by name. */
export {
  BatchQueue,
  type Columns,
  type ColumnsCollatorOptions,
  columnsCollator,
  communityDetection,
  createIndex,
  Dataset,
  Dense,
  type DenseOptions,
  Dropout,
  type DropoutModuleOptions,
  EarlyStoppingCallback,
  type EarlyStoppingOptions,
  type EmbeddingOf,
  type EmbeddingRanges,
  EngineError,
  type EvaluateOptions,
  type Hit,
  type IndexOptions,
  type Labels,
  LayerNorm,
  type LayerNormOptions,
  type Loss,
  type LossPass,
  loadDataset,
  type MineHardNegativesOptions,
  type MiningSummary,
  type ModuleActivation,
  MultiDataset,
  mineHardNegatives,
  miningSummaryText,
  modelFingerprint,
  Normalize,
  type NormalizeOptions,
  openIndex,
  type ParaphraseOptions,
  type ParaphrasePair,
  type Precision,
  paraphraseMining,
  paraphraseMiningEmbeddings,
  QueueFullError,
  quantizeEmbeddings,
  type Row,
  rangesOf,
  type SearchOptions,
  type SemanticSearchOptions,
  type SentenceEvaluator,
  type SimilarityFunctionName,
  type StepReport,
  semanticSearch,
  setDefaultDevice,
  Tensor,
  type TrainerCallback,
  type TrainerControl,
  type TrainerState,
  type TrainSummary,
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
