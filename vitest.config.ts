import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { CountReporter } from "./test/support/count-reporter.ts";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const EMULATION = source("native/build/cuda/libettin_cuda_emulation.so");

/**
 * The whole suite on the CPU, then the ops and graphs on the emulated GPU, where it is built (npm test builds it). With
 * ETTIN_TEST_DEVICES=cuda all that is asked for runs on the GPU of ETTIN_CUDA_LIBRARY, once.
 */
const onCuda = process.env.ETTIN_TEST_DEVICES === "cuda";
const emulated = {
  name: "emulated GPU",
  include: ["test/core/ops/**/*.test.ts", "test/core/tensor/graph.test.ts"],
  env: { ETTIN_TEST_DEVICES: "cuda", ETTIN_CUDA_LIBRARY: EMULATION },
};
const withEmulation = !onCuda && existsSync(EMULATION);

export default defineConfig({
  resolve: {
    // Tests read the sources; what is packed and published has its own test, test/tarball.
    alias: [
      { find: /^@ettin\/core$/, replacement: source("packages/core/src/index.ts") },
      { find: /^@ettin\/dense$/, replacement: source("packages/dense/src/index.ts") },
      { find: /^@ettin\/pretrain$/, replacement: source("packages/pretrain/src/index.ts") },
      { find: /^ettin$/, replacement: source("packages/cli/src/index.ts") },
    ],
  },
  test: {
    setupFiles: ["test/support/leak-check.ts", "test/support/default-device.ts"],
    reporters: ["default", new CountReporter()],
    // One process per file: a fault in native code then fails one file, not the run.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 180_000,
    projects: [
      { extends: true, test: { name: onCuda ? "cuda" : "cpu", include: ["test/**/*.test.ts"] } },
      ...(withEmulation ? [{ extends: true, test: emulated } as const] : []),
    ],
  },
});
