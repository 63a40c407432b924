export { SequentialEvaluator, type SequentialEvaluatorOptions } from "@ettin/core";
export { BinaryClassificationEvaluator, type BinaryClassificationEvaluatorOptions } from "./binary-classification.ts";
export type { EmbeddingModel, EncodingOptions, EvaluatorEncodeOptions } from "./embedding-model.ts";
export { EmbeddingSimilarityEvaluator, type EmbeddingSimilarityEvaluatorOptions } from "./embedding-similarity.ts";
export {
  InformationRetrievalEvaluator,
  type InformationRetrievalEvaluatorOptions,
  type RetrievalOptions,
} from "./information-retrieval.ts";
export { type ClassifierHead, LabelAccuracyEvaluator, type LabelAccuracyEvaluatorOptions } from "./label-accuracy.ts";
export { MSEEvaluator, type MSEEvaluatorOptions } from "./mse.ts";
export { NanoBEIREvaluator, type NanoBEIREvaluatorOptions } from "./nano-beir.ts";
export { ParaphraseMiningEvaluator, type ParaphraseMiningEvaluatorOptions } from "./paraphrase-mining.ts";
export { RerankingEvaluator, type RerankingEvaluatorOptions, type RerankingSample } from "./reranking.ts";
export type { ScoreFunctions } from "./score-functions.ts";
export { TranslationEvaluator, type TranslationEvaluatorOptions } from "./translation.ts";
export { TripletEvaluator, type TripletEvaluatorOptions } from "./triplet.ts";
