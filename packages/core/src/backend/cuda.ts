/** The native CUDA backend: finds the library and the GPU, and says what is missing where there is none. */
import { EngineError } from "../errors.ts";
import type { CudaGpu, CudaReport } from "./addon.ts";
import type { Backend } from "./contract.ts";
import { type CudaAnswer, driverVersion, probeCuda } from "./cuda-probe.ts";
import { cudaFiles, nativeAddon } from "./native.ts";
import { nativeBackend, spoken, spokenError } from "./native-backend.ts";

/** What a process needs to compute on its GPUs. */
export interface CudaStatus {
  /** The library of CUDA kernels. */
  readonly library: string;
  /** The NVIDIA driver's version, where it says one: "580.82.07". */
  readonly driverVersion: string | null;
  readonly report: CudaReport;
}

/** The first driver that runs a CUDA of this generation, on Linux. */
const OLDEST_DRIVER: Readonly<Record<number, string>> = { 12: "525.60", 13: "580" };
const OLDEST_GPU = 80;
const OTHERWISE = 'Or use device: "cpu".';

/**
 * What there is, checked: a driver, cuBLASLt and a GPU.
 *
 * @param anew asks again, in place of what was found before
 * @throws EngineError naming what is missing or too old, with the versions, and the way out
 */
export function cudaStatus(anew = false): CudaStatus {
  const { library, probe } = cudaFiles();
  return checkedStatus(library, probeCuda({ library, probe, anew }), driverVersion());
}

/** An answer of the probe, checked. */
export function checkedStatus(library: string, answer: CudaAnswer, driver: string | null): CudaStatus {
  if ("error" in answer) throw spokenError("device", answer.error, OTHERWISE);
  const { report } = answer;
  const { driver: runs, runtime, cublaslt, cublasltName, gpus } = report;
  const named = driver === null ? "the NVIDIA driver" : `the NVIDIA driver ${driver}`;
  if (runs === 0) {
    throw new EngineError(
      "device",
      "there is no NVIDIA driver (libcuda.so.1)",
      `Install one, ${oldestDriver(runtime)} or newer; in a container, start it with its GPUs (--gpus all). ${OTHERWISE}`,
    );
  }
  if (generation(runs) < generation(runtime)) {
    throw new EngineError(
      "device",
      `${named} is too old: it runs CUDA ${versionText(runs)}, but ${library} was built with CUDA ${versionText(runtime)}, which needs driver ${oldestDriver(runtime)} or newer`,
      `Update the driver, or build the library with CUDA ${generation(runs)} (npm run build:cuda in a checkout). ${OTHERWISE}`,
    );
  }
  if (gpus.length === 0) {
    const visible = process.env.CUDA_VISIBLE_DEVICES;
    throw new EngineError(
      "device",
      `${named} shows no GPU${visible === undefined ? "" : ` (CUDA_VISIBLE_DEVICES is ${JSON.stringify(visible)})`}`,
      `Look at nvidia-smi${visible === undefined ? "" : ", and unset CUDA_VISIBLE_DEVICES"}; in a container, start it with its GPUs (--gpus all). ${OTHERWISE}`,
    );
  }
  if (cublaslt === 0) {
    const file = `libcublasLt.so.${generation(runs)}`;
    throw new EngineError(
      "device",
      `cuBLASLt, which matrix products on a GPU need, is not found (${file})`,
      `Install it (the CUDA toolkit, or its package libcublas), or set ETTIN_CUBLASLT to the file; Python's nvidia-cublas has one too. ${OTHERWISE}`,
    );
  }
  const products = Math.floor(cublaslt / 10_000);
  if (products > generation(runs)) {
    throw new EngineError(
      "device",
      `${cublasltName} is cuBLASLt ${cublasltText(cublaslt)}, which needs driver ${oldestDriver(products * 1000)} or newer, but ${named} runs CUDA ${versionText(runs)}`,
      `Update the driver, or set ETTIN_CUBLASLT to a libcublasLt.so.${generation(runs)}. ${OTHERWISE}`,
    );
  }
  return { library, driverVersion: driver, report };
}

/** The GPU of a number, new enough. */
export function chooseGpu({ report: { gpus } }: CudaStatus, number: number): CudaGpu {
  const gpu = gpus[number];
  if (!gpu) {
    const list = gpus.map((each, i) => `"cuda:${i}" (${gpuText(each)})`).join(", ");
    throw new EngineError(
      "device",
      `"cuda:${number}" was asked for, but ${gpus.length === 1 ? "there is one GPU" : `there are ${gpus.length} GPUs`}: ${list}`,
      "Use one of those.",
    );
  }
  if (10 * gpu.major + gpu.minor < OLDEST_GPU) {
    throw new EngineError(
      "device",
      `"cuda:${number}" (${gpuText(gpu)}) is too old`,
      `The kernels need sm_${OLDEST_GPU} or newer (NVIDIA's Ampere generation). ${OTHERWISE}`,
    );
  }
  return gpu;
}

/** Opens a stream on a GPU. */
export function openNativeCuda(number: number): Backend {
  const status = cudaStatus();
  chooseGpu(status, number);
  const addon = nativeAddon();
  const { id, gpu } = spoken("device", () => addon.openCuda(status.library, number), OTHERWISE);
  return nativeBackend(addon, id, {
    name: `cuda:${number} (${gpuText(gpu)})`,
    capabilities: { strided: true, bfloat16Products: true, hostMemory: false },
    whenFull:
      "Lower the batch size or maxTokensPerMicroBatch, turn on gradient checkpointing, or compute in bfloat16 (bf16: true).",
  });
}

/** "NVIDIA H200, sm_90" */
export const gpuText = ({ name, major, minor }: CudaGpu): string => `${name}, sm_${major}${minor}`;

/** 12020: "12.2" */
export const versionText = (version: number): string =>
  `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;

/** 130200: "13.2" */
export const cublasltText = (version: number): string =>
  `${Math.floor(version / 10_000)}.${Math.floor((version % 10_000) / 100)}`;

const generation = (version: number): number => Math.floor(version / 1000);

const oldestDriver = (cuda: number): string => OLDEST_DRIVER[generation(cuda)] ?? `for CUDA ${versionText(cuda)}`;
