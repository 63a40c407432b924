import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { CountReporter } from "./test/support/count-reporter.ts";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

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
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/support/leak-check.ts", "test/support/default-device.ts"],
    reporters: ["default", new CountReporter()],
    // One process per file: a fault in native code then fails one file, not the run.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
