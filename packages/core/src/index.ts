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
export * from "./ops/index.ts";
export { checkpoint } from "./tensor/checkpoint.ts";
export type { DType } from "./tensor/dtype.ts";
export type { NestedNumbers } from "./tensor/nested.ts";
export { parameter } from "./tensor/parameter.ts";
export { tensorScope } from "./tensor/scope.ts";
export { liveStorages } from "./tensor/storage.ts";
export { enableGrad, noGrad } from "./tensor/tape.ts";
export { Tensor, type TensorOptions, type TypedArray } from "./tensor/tensor.ts";
