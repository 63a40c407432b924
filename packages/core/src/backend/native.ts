/** The native CPU backend. The one file that loads the addon. */
import { totalmem } from "node:os";
import { cudaProbe, findCudaLibrary, loadAddon } from "@ettin/native";
import { EngineError } from "../errors.ts";
import type { Addon } from "./addon.ts";
import type { Backend } from "./contract.ts";
import { nativeBackend, spoken } from "./native-backend.ts";

/** Far beyond any machine: a larger number is a mistake. */
const MOST_THREADS = 1024;

/** Opens a device on the CPU. */
export function openNativeCpu({ level = "", threads = 0 }: { level?: string; threads?: number }): Backend {
  const addon = nativeAddon();
  if (!Number.isSafeInteger(threads) || threads < 0 || threads > MOST_THREADS) {
    throw new EngineError(
      "device",
      `threads is ${threads}`,
      `Pass a whole number from 1 to ${MOST_THREADS}, or none for the physical cores.`,
    );
  }
  const opened = spoken("device", () => addon.openDevice(level, threads, memoryOfContainer()));
  return nativeBackend(addon, opened.id, {
    name: `cpu (${opened.level}, ${opened.threads} thread${opened.threads === 1 ? "" : "s"})`,
    capabilities: { strided: true, bfloat16Products: opened.level.endsWith("avx512_bf16"), hostMemory: true },
    whenFull:
      "Lower the batch size or maxTokensPerMicroBatch, turn on gradient checkpointing, or raise ETTIN_MEMORY_LIMIT.",
  });
}

/** Bytes that a container, a control group or a ulimit leaves to this process; 0 where nothing limits it. */
function memoryOfContainer(): number {
  const allowed = process.constrainedMemory?.() ?? 0;
  return allowed > 0 && allowed < totalmem() ? allowed : 0;
}

export const nativeAddon = (): Addon => loadAddon() as Addon;

/** The library of CUDA kernels and the program that looks at it. Throws an `EngineError` where there is no library. */
export const cudaFiles = (): { library: string; probe: string } => ({
  library: spoken("device", findCudaLibrary, 'Or use device: "cpu".'),
  probe: cudaProbe,
});

/** What the addon does without a device; null where it does not load. */
export function nativeTokenizers(): Addon | null {
  try {
    return nativeAddon();
  } catch {
    return null;
  }
}

/** The levels that this machine runs, ascending. */
export const cpuLevels = (): readonly string[] => nativeAddon().levels;
