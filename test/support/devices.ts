/**
 * The devices that suites run on: one per instruction-set level that this machine has; or, with ETTIN_TEST_DEVICES=cuda,
 * the GPU, or its emulation, whichever ETTIN_CUDA_LIBRARY is.
 */
import { cpuLevels, type Device, openCpu, openCuda } from "@ettin/core";

const opened = new Map<string, Device>();

/** A device that suites share, so that a file opens each only once. The GPU has no threads to choose. */
export function device(level: string, threads = 2): Device {
  const key = level === "cuda" ? level : `${level} ${threads}`;
  let found = opened.get(key);
  if (!found) {
    found = level === "cuda" ? openCuda() : openCpu({ level, threads });
    opened.set(key, found);
  }
  return found;
}

const onCuda = process.env.ETTIN_TEST_DEVICES === "cuda";

/** Ascending; with a build for emulation, "emulated" among them. */
export const levels: readonly string[] = onCuda ? ["cuda"] : cpuLevels();

/** For what only the CPU promises: the same bits whatever the batch, packed weights, threads. Never empty. */
export const cpuOnly: readonly string[] = cpuLevels();
