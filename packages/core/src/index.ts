/** The public surface, by name. */
export type { Backend, Bytes, Capabilities, Kernels, MemoryStats, StorageId, TensorView } from "./backend/contract.ts";
export { type CudaStatus, cudaStatus } from "./backend/cuda.ts";
export { cpuLevels } from "./backend/native.ts";
export { KernelError } from "./backend/native-backend.ts";
export * from "./columns/index.ts";
export * from "./data/index.ts";
export {
  type CpuOptions,
  type CudaDevice,
  type CudaOptions,
  cudaDevices,
  type Device,
  type DeviceName,
  defaultDevice,
  memoryStats,
  openCpu,
  openCuda,
  setDefaultDevice,
  synchronize,
} from "./device.ts";
export { EngineError } from "./errors.ts";
export * from "./evaluators/index.ts";
export { byteStream } from "./formats/byte-stream.ts";
export type { CsvOptions } from "./formats/csv.ts";
export { writeFileWhole } from "./formats/flushed-file.ts";
export { type IntegerColumn, IntegerParquetWriter } from "./formats/integer-parquet.ts";
export * from "./formats/mds.ts";
export type { SampleBy } from "./formats/text.ts";
export type { CausalModel } from "./generation/causal-model.ts";
export { generate } from "./generation/generate.ts";
export type {
  FinishReason,
  GeneratedSequence,
  GeneratedToken,
  GenerateOptions,
  GenerationTokenizer,
} from "./generation/generate-options.ts";
export { GenerationConfig, type SettingSource } from "./generation/generation-config.ts";
export type { GenerationSettings } from "./generation/generation-options.ts";
export type { Prompts } from "./generation/generation-request.ts";
export { KeyValueCache, type KeyValueCacheOptions } from "./generation/key-value-cache.ts";
export { type PaddedIds, type PadOptions, padTogether } from "./generation/pad-together.ts";
export type { History, ScoreProcessor } from "./generation/score-processor.ts";
export type { SequenceBias } from "./generation/sequence-rules.ts";
export { streamText, streamTokens } from "./generation/stream.ts";
export { downloadFile } from "./hub/download-file.ts";
export { flushFolder, flushTree } from "./hub/flush-folder.ts";
export { HubError, type HubErrorCode } from "./hub/hub-error.ts";
export type { DownloadProgress, HubOptions, RepoType } from "./hub/hub-options.ts";
export { type HubStatus, hubStatus } from "./hub/hub-settings.ts";
export { type LoadStoredOptions, loadStored } from "./hub/load-stored.ts";
export { type CardResult, type ModelCardOptions, modelCard } from "./hub/model-card.ts";
export { openWeights } from "./hub/open-weights.ts";
export { type PushedCommit, type PushToHubOptions, pushToHub, type UploadProgress } from "./hub/push-to-hub.ts";
export { type ResolveFolderOptions, resolveFolder } from "./hub/resolve-folder.ts";
export { readSafetensorsHeader, type SafetensorsHeader } from "./hub/safetensors-header.ts";
export { type SaveWeightsOptions, saveWeights } from "./hub/save-weights.ts";
export { type SnapshotOptions, snapshotDownload } from "./hub/snapshot-download.ts";
export type { StoredDType, StoredTensor } from "./hub/stored-tensor.ts";
export { storedWeight } from "./hub/stored-weight.ts";
export { type WeightHeaders, weightHeaders } from "./hub/weight-headers.ts";
export type { WeightToSave } from "./hub/weight-shards.ts";
export * from "./index/index.ts";
export { checkOptions, type OptionNames } from "./known-options.ts";
export * from "./logging/index.ts";
export * from "./losses/index.ts";
export * from "./mining/index.ts";
export * from "./model/index.ts";
export * from "./modules/index.ts";
export { editDistance, nearestName } from "./nearest-name.ts";
export type { AttentionCache, CachedAttentionOptions } from "./nn/attention-cache.ts";
export type { ParameterEntry, SavedPart } from "./nn/parameter-set.ts";
export type { DropoutDraw, DropoutRates } from "./nn/pass.ts";
export type { RopeParameters } from "./nn/rope.ts";
export * from "./ops/index.ts";
export { AdamW, type AdamWOptions } from "./optim/adamw.ts";
export { type BatchSizeWarmupOptions, batchSizeWarmup } from "./optim/batch-size-warmup.ts";
export { clipGradNorm, type GradientNorm } from "./optim/clip-grad-norm.ts";
export {
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type ParameterState,
  type SavedOptimizerState,
} from "./optim/optimizer.ts";
export {
  isNotDecayed,
  type NamedParameter,
  type ParameterGroupsOptions,
  parameterGroups,
} from "./optim/parameter-groups.ts";
export { StableAdamW, type StableAdamWOptions } from "./optim/stable-adamw.ts";
export * from "./quantization/index.ts";
export * from "./queue/index.ts";
export * from "./schedules/index.ts";
export * from "./similarity/index.ts";
export type { TypedArray } from "./tensor/bytes.ts";
export { checkpoint } from "./tensor/checkpoint.ts";
export type { DType, ElementType } from "./tensor/dtype.ts";
export { Graph } from "./tensor/graph.ts";
export type { NestedNumbers } from "./tensor/nested.ts";
export { copiedParameter, parameter } from "./tensor/parameter.ts";
export { type CounterGenerator, counterGenerator } from "./tensor/philox.ts";
export { type RandnOptions, randn } from "./tensor/random.ts";
export { inRowChunks } from "./tensor/row-chunks.ts";
export { tensorScope } from "./tensor/scope.ts";
export { liveStorages } from "./tensor/storage.ts";
export { enableGrad, noGrad } from "./tensor/tape.ts";
export { Tensor, type TensorOptions } from "./tensor/tensor.ts";
export type { AssembleOptions } from "./tokenizer/assemble.ts";
export type { ChatMessage, ChatTemplateOptions } from "./tokenizer/chat-template.ts";
export type { DecodeOptions } from "./tokenizer/detokenizer.ts";
export type { PackedTokens } from "./tokenizer/packed-tokens.ts";
export type { SpecialRole, SpecialToken, SpecialTokens } from "./tokenizer/special-tokens.ts";
export { StreamDecoder, type StreamDecoderOptions } from "./tokenizer/stream-decoder.ts";
export {
  type EncodeBatchOptions,
  type EncodeOptions,
  type Encoding,
  type SaveTokenizerOptions,
  Tokenizer,
  type TokenizerOptions,
} from "./tokenizer/tokenizer.ts";
export type { Truncation } from "./tokenizer/truncation.ts";
export * from "./trainer/index.ts";
