import { EngineError } from "@ettin/core";
import { describe, expect, test, vi } from "vitest";
import type { CudaReport } from "../../../packages/core/src/backend/addon.ts";
import { checkedStatus, chooseGpu, gpuText } from "../../../packages/core/src/backend/cuda.ts";

const LIBRARY = "/opt/libettin_cuda.so";
const h200 = { name: "NVIDIA H200", major: 9, minor: 0, multiprocessors: 132, memory: 150e9, free: 149e9 };
const t4 = { name: "Tesla T4", major: 7, minor: 5, multiprocessors: 40, memory: 16e9, free: 15e9 };
const whole: CudaReport = {
  ...{ driver: 13000, runtime: 13000, cublaslt: 130200, cublasltName: "libcublasLt.so.13" },
  gpus: [h200],
};
const status = (changes: Partial<CudaReport>, driver: string | null = "580.82.07") =>
  checkedStatus(LIBRARY, { report: { ...whole, ...changes } }, driver);

describe("what a machine lacks is named, with the way out", () => {
  test.each<[string, Partial<CudaReport>, string | null, string]>([
    [
      "no driver",
      { driver: 0, gpus: [] },
      null,
      "[device] there is no NVIDIA driver (libcuda.so.1). Install one, 580 or newer; in a container, start it with its " +
        'GPUs (--gpus all). Or use device: "cpu".',
    ],
    [
      "a driver of an older CUDA",
      { driver: 12020, gpus: [] },
      "535.104.05",
      `[device] the NVIDIA driver 535.104.05 is too old: it runs CUDA 12.2, but ${LIBRARY} was built with CUDA 13.0, ` +
        "which needs driver 580 or newer. Update the driver, or build the library with CUDA 12 (npm run build:cuda in a " +
        'checkout). Or use device: "cpu".',
    ],
    [
      "no GPU",
      { gpus: [] },
      "580.82.07",
      "[device] the NVIDIA driver 580.82.07 shows no GPU. Look at nvidia-smi; in a container, start it with its GPUs " +
        '(--gpus all). Or use device: "cpu".',
    ],
    [
      "no cuBLASLt",
      { cublaslt: 0, cublasltName: "not found; tried libcublasLt.so.13" },
      "580.82.07",
      "[device] cuBLASLt, which matrix products on a GPU need, is not found (libcublasLt.so.13). Install it (the CUDA " +
        "toolkit, or its package libcublas), or set ETTIN_CUBLASLT to the file; Python's nvidia-cublas has one too. " +
        'Or use device: "cpu".',
    ],
    [
      "a cuBLASLt that is newer than the driver",
      { driver: 12040, runtime: 12040 },
      null,
      "[device] libcublasLt.so.13 is cuBLASLt 13.2, which needs driver 580 or newer, but the NVIDIA driver runs CUDA " +
        '12.4. Update the driver, or set ETTIN_CUBLASLT to a libcublasLt.so.12. Or use device: "cpu".',
    ],
  ])("%s", (_, changes, driver, message) => {
    expect(() => status(changes, driver)).toThrow(EngineError);
    expect(() => status(changes, driver)).toThrow(message);
  });

  test("GPUs that CUDA_VISIBLE_DEVICES hides", () => {
    vi.stubEnv("CUDA_VISIBLE_DEVICES", "");
    try {
      expect(() => status({ gpus: [] })).toThrow(
        'shows no GPU (CUDA_VISIBLE_DEVICES is ""). Look at nvidia-smi, and unset',
      );
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test("a library of another contract: the addon's own words", () => {
    expect(() => checkedStatus(LIBRARY, { error: `${LIBRARY} is of another version. Build it again` }, null)).toThrow(
      `[device] ${LIBRARY} is of another version. Build it again. Or use device: "cpu".`,
    );
  });

  test("a GPU number that there is not, with those that there are", () => {
    const two = status({ gpus: [h200, t4] });
    expect(chooseGpu(two, 0)).toBe(h200);
    expect(() => chooseGpu(two, 2)).toThrow(
      '[device] "cuda:2" was asked for, but there are 2 GPUs: "cuda:0" (NVIDIA H200, sm_90), "cuda:1" (Tesla T4, ' +
        "sm_75). Use one of those.",
    );
    expect(() => chooseGpu(status({}), 1)).toThrow("but there is one GPU: ");
  });

  test("a GPU that is too old", () => {
    expect(() => chooseGpu(status({ gpus: [t4] }), 0)).toThrow(
      '[device] "cuda:0" (Tesla T4, sm_75) is too old. The kernels need sm_80 or newer',
    );
  });
});

test("an older library runs on a newer driver", () => {
  const found = status({ runtime: 12040, cublaslt: 120403 });
  expect(found).toMatchObject({ library: LIBRARY, driverVersion: "580.82.07", report: { runtime: 12040 } });
  expect(gpuText(chooseGpu(found, 0))).toBe("NVIDIA H200, sm_90");
});
