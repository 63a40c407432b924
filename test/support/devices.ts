/**
 * The devices that suites run on: one per instruction-set level that this machine has; or, with ETTIN_TEST_DEVICES=cuda,
 * the GPU, or its emulation, whichever ETTIN_CUDA_LIBRARY is.
 */
import { fileURLToPath } from "node:url";
import { cpuLevels, type Device, openCpu } from "@ettin/core";
import { cudaStatus, openNativeCuda } from "../../packages/core/src/backend/cuda.ts";

process.env.ETTIN_CUDA_LIBRARY ??= fileURLToPath(
  new URL("../../native/build/cuda/libettin_cuda_emulation.so", import.meta.url),
);

const opened = new Map<string, Device>();

/** A device that suites share, so that a file opens each only once. The GPU has no threads to choose. */
export function device(level: string, threads = 2): Device {
  const key = level === "cuda" ? level : `${level} ${threads}`;
  let found = opened.get(key);
  if (!found) {
    found = level === "cuda" ? openGpu() : openCpu({ level, threads });
    opened.set(key, found);
  }
  return found;
}

/** A GPU of one's own, or its emulation. */
export function openGpu(): Device {
  const backend = openNativeCuda(0);
  return { name: backend.name, backend };
}

/** Whether that is the emulation, which fails where a test tells it to. */
export const isEmulated = (): boolean => cudaStatus().report.gpus[0]?.name === "emulated GPU";

const onCuda = process.env.ETTIN_TEST_DEVICES === "cuda";

/** Ascending; or those of ETTIN_TEST_LEVELS: npm run test:emulated. */
const onCpu: readonly string[] = process.env.ETTIN_TEST_LEVELS?.split(",") ?? cpuLevels();

export const levels: readonly string[] = onCuda ? ["cuda"] : onCpu;

/** For what only the CPU promises: the same bits whatever the batch, packed weights, threads. Never empty. */
export const cpuOnly: readonly string[] = onCpu;
