import type { Backend, MemoryStats } from "./backend/contract.ts";
import { openNativeCpu } from "./backend/native.ts";
import { EngineError } from "./errors.ts";

/** Where tensors live and kernels run. Tensors of two devices do not mix, nor those of two worker threads. */
export interface Device {
  /** "cpu (avx2, 2 threads)" */
  readonly name: string;
  readonly backend: Backend;
}

export type DeviceName = "cpu" | "cuda";

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

/** Opens a CPU device of its own: a stream, with memory. Results do not depend on `threads`. */
export function openCpu(options: CpuOptions = {}): Device {
  const backend = openNativeCpu(options);
  return { name: backend.name, backend };
}

let chosen: Device | null = null;

/** The device of this JavaScript environment, opened at the first use. */
export function defaultDevice(): Device {
  chosen ??= openCpu();
  return chosen;
}

/** Makes a device the one that tensors are made on when none is named. */
export function setDefaultDevice(device: Device): void {
  chosen = device;
}

export function resolveDevice(device: Device | DeviceName | undefined): Device {
  if (device === undefined || device === "cpu") return defaultDevice();
  if (typeof device === "object") return device;
  if (device === "cuda") {
    throw new EngineError("device", '"cuda" was asked for, but this build has none', 'Use device: "cpu".');
  }
  throw new EngineError("device", `"${device}" was asked for, but there are "cpu" and "cuda"`, "Use one of those.");
}

/** Memory of a device (the default one), in bytes. */
export const memoryStats = (device?: Device): MemoryStats => resolveDevice(device).backend.memoryStats();

/** Resolves when everything queued so far on a device (the default one) has run. */
export const synchronize = (device?: Device): Promise<void> => resolveDevice(device).backend.synchronize();
