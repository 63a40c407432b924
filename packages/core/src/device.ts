import type { Backend, MemoryStats } from "./backend/contract.ts";
import { cudaStatus, openNativeCuda } from "./backend/cuda.ts";
import { openNativeCpu } from "./backend/native.ts";
import { EngineError } from "./errors.ts";

/** Where tensors live and kernels run. Tensors of two devices do not mix, nor those of two worker threads. */
export interface Device {
  /** "cpu (avx2, 2 threads)", "cuda:0 (NVIDIA H200, sm_90)" */
  readonly name: string;
  readonly backend: Backend;
}

/** "cuda" is the first GPU, "cuda:1" the second. */
export type DeviceName = "cpu" | "cuda" | `cuda:${number}`;

export interface CpuOptions {
  /**
   * Instruction-set level: "baseline", "avx2", "avx512", "avx512_bf16".
   *
   * @default the environment variable ETTIN_CPU_LEVEL, else the best that this machine runs
   */
  level?: string;
  /**
   * Threads that one kernel may use, the stream's own included.
   *
   * @default the environment variable ETTIN_NUM_THREADS, else the physical cores
   */
  threads?: number;
}

export interface CudaOptions {
  /**
   * The GPU's number, from 0, among those that CUDA_VISIBLE_DEVICES leaves.
   *
   * @default 0
   */
  gpu?: number;
}

/** A GPU that CUDA sees. */
export interface CudaDevice {
  /** For options that take a device: "cuda:0". */
  readonly device: DeviceName;
  /** "NVIDIA H200" */
  readonly name: string;
  /** Compute capability: "sm_90". */
  readonly capability: string;
  readonly multiprocessors: number;
  /** Bytes. */
  readonly memory: number;
}

/** Opens a CPU device of its own: a stream, with memory. Results do not depend on `threads`. */
export function openCpu(options: CpuOptions = {}): Device {
  const backend = openNativeCpu(options);
  return { name: backend.name, backend };
}

const gpus = new Map<number, Device>();

/**
 * The device of a GPU: one per GPU in each JavaScript environment, opened at the first call and after a `close`.
 *
 * @throws EngineError naming what is missing or too old where there is no GPU to compute on
 */
export function openCuda({ gpu = 0 }: CudaOptions = {}): Device {
  if (!Number.isSafeInteger(gpu) || gpu < 0) {
    throw new EngineError("device", `gpu is ${gpu}`, "Pass a GPU's number: 0, 1, …");
  }
  const open = gpus.get(gpu);
  if (open) return open;
  const backend = openNativeCuda(gpu);
  const close = backend.close.bind(backend);
  backend.close = () => {
    if (gpus.get(gpu)?.backend === backend) gpus.delete(gpu);
    close();
  };
  const device = { name: backend.name, backend };
  gpus.set(gpu, device);
  return device;
}

/**
 * The GPUs of this machine.
 *
 * @throws EngineError with the reason where there is none
 */
export function cudaDevices(): readonly CudaDevice[] {
  return cudaStatus().report.gpus.map(({ name, major, minor, multiprocessors, memory }, gpu) => ({
    device: `cuda:${gpu}`,
    name,
    capability: `sm_${major}${minor}`,
    multiprocessors,
    memory,
  }));
}

let chosen: Device | null = null;
let cpu: Device | null = null;

/**
 * The device of this JavaScript environment: the one that was set, else what the environment variable ETTIN_DEVICE
 * names, else the CPU. Opened at the first use.
 */
export function defaultDevice(): Device {
  chosen ??= named((process.env.ETTIN_DEVICE || "cpu") as DeviceName, "ETTIN_DEVICE");
  return chosen;
}

/** Makes a device the one that tensors are made on when none is named. */
export function setDefaultDevice(device: Device | DeviceName): void {
  chosen = resolveDevice(device);
}

export function resolveDevice(device: Device | DeviceName | undefined): Device {
  if (device === undefined) return defaultDevice();
  return typeof device === "object" ? device : named(device);
}

/** @param where for messages: what has named it */
function named(name: DeviceName, where = "device"): Device {
  if (name === "cpu") {
    if (chosen?.name.startsWith("cpu")) return chosen;
    cpu ??= openCpu();
    return cpu;
  }
  const [, gpu] = /^cuda(?::(\d{1,4}))?$/.exec(name) ?? [];
  if (name === "cuda" || gpu !== undefined) return openCuda({ gpu: Number(gpu ?? 0) });
  throw new EngineError(
    where,
    `"${name}" was asked for, but there are "cpu", "cuda" and, of several GPUs, "cuda:1"`,
    "Use one of those.",
  );
}

/** Memory of a device (the default one), in bytes. */
export const memoryStats = (device?: Device | DeviceName): MemoryStats => resolveDevice(device).backend.memoryStats();

/** Resolves when everything queued so far on a device (the default one) has run. */
export const synchronize = (device?: Device | DeviceName): Promise<void> => resolveDevice(device).backend.synchronize();
