export {
  AutoClass,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type AutoOptions,
} from "./auto-model.ts";
export { BaseModel } from "./base-model.ts";
export type { BertConfig } from "./bert/config.ts";
export { BertForMaskedLM } from "./bert/masked-lm.ts";
export { BertModel } from "./bert/model.ts";
export { BertForSequenceClassification } from "./bert/sequence-classification.ts";
export type { ClassLabels } from "./classification-loss.ts";
export { type ClassifyOptions, classify, type LabelScore } from "./classify.ts";
export type { ModelConfig, ProblemType } from "./config.ts";
export type { ConfigChanges } from "./config-changes.ts";
export { type EmbedOptions, embed } from "./embed.ts";
export { type FilledMask, fillMask } from "./fill-mask.ts";
export type { FromPretrainedOptions } from "./find-folder.ts";
export type { BatchOptions, TextOrPair } from "./in-batches.ts";
export type { LogitsOptions, LossOptions, TokenTargets } from "./language-head.ts";
export { CausalLM, LanguageModel, MaskedLM } from "./language-model.ts";
export { LlamaForCausalLM } from "./llama/causal-lm.ts";
export type { LlamaConfig } from "./llama/config.ts";
export { LlamaModel } from "./llama/model.ts";
export { ModernBertDecoderForCausalLM } from "./modernbert/causal-lm.ts";
export type { LayerType, ModernBertConfig } from "./modernbert/config.ts";
export { ModernBertDecoderModel } from "./modernbert/decoder.ts";
export { ModernBertDecoderForSequenceClassification } from "./modernbert/decoder-sequence-classification.ts";
export { ModernBertModel } from "./modernbert/encoder.ts";
export { ModernBertForMaskedLM } from "./modernbert/masked-lm.ts";
export { namedConfig, namedConfigs } from "./modernbert/named-configs.ts";
export { ModernBertForSequenceClassification } from "./modernbert/sequence-classification.ts";
export { ModernBertForTokenClassification } from "./modernbert/token-classification.ts";
export { nextTokens, packTokens } from "./pack-tokens.ts";
export type { ForwardOptions, TokenBatch } from "./packed-batch.ts";
export { parameterCount } from "./parameter-count.ts";
export { type FromConfigOptions, type LoadReport, PreTrainedModel } from "./pretrained-model.ts";
export type { SaveOptions } from "./save-model.ts";
export { SequenceClassifier } from "./sequence-classifier.ts";
export { TokenClassifier } from "./token-classifier.ts";
