/** The public surface, by name. */
export type { Backend, Capabilities, Kernels, MemoryStats, TensorView } from "./backend/contract.ts";
export { cpuLevels, KernelError } from "./backend/native.ts";
export {
  type CpuOptions,
  type Device,
  type DeviceName,
  defaultDevice,
  memoryStats,
  openCpu,
  setDefaultDevice,
  synchronize,
} from "./device.ts";
export { EngineError } from "./errors.ts";
export { downloadFile } from "./hub/download-file.ts";
export { HubError, type HubErrorCode } from "./hub/hub-error.ts";
export type { DownloadProgress, HubOptions, RepoType } from "./hub/hub-options.ts";
export { hubCacheFolder } from "./hub/hub-settings.ts";
export { type LoadStoredOptions, loadStored } from "./hub/load-stored.ts";
export { openWeights } from "./hub/open-weights.ts";
export { type ResolveFolderOptions, resolveFolder } from "./hub/resolve-folder.ts";
export { readSafetensorsHeader, type SafetensorsHeader } from "./hub/safetensors-header.ts";
export { type SaveWeightsOptions, saveWeights } from "./hub/save-weights.ts";
export { type SnapshotOptions, snapshotDownload } from "./hub/snapshot-download.ts";
export type { StoredDType, StoredTensor } from "./hub/stored-tensor.ts";
export { storedWeight } from "./hub/stored-weight.ts";
export type { WeightToSave } from "./hub/weight-shards.ts";
export { Corpus, type CorpusOptions, type CorpusType, exactSearch } from "./index/exact.ts";
export * from "./model/index.ts";
export type { AttentionCache, CachedAttentionOptions } from "./nn/attention-cache.ts";
export type { ParameterEntry, SavedPart } from "./nn/parameter-set.ts";
export type { DropoutDraw, DropoutRates } from "./nn/pass.ts";
export type { RopeParameters } from "./nn/rope.ts";
export * from "./ops/index.ts";
export { AdamW, type AdamWOptions } from "./optim/adamw.ts";
export { clipGradNorm, type GradientNorm } from "./optim/clip-grad-norm.ts";
export {
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type ParameterState,
} from "./optim/optimizer.ts";
export {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  type Schedule,
  type WarmupStableDecayOptions,
  warmupStableDecaySchedule,
} from "./optim/schedule.ts";
export { StableAdamW, type StableAdamWOptions } from "./optim/stable-adamw.ts";
export type { TypedArray } from "./tensor/bytes.ts";
export { checkpoint } from "./tensor/checkpoint.ts";
export type { DType } from "./tensor/dtype.ts";
export type { NestedNumbers } from "./tensor/nested.ts";
export { parameter } from "./tensor/parameter.ts";
export { type RandnOptions, randn } from "./tensor/random.ts";
export { tensorScope } from "./tensor/scope.ts";
export { liveStorages } from "./tensor/storage.ts";
export { enableGrad, noGrad } from "./tensor/tape.ts";
export { Tensor, type TensorOptions } from "./tensor/tensor.ts";
export type { PackedTokens } from "./tokenizer/packed-tokens.ts";
