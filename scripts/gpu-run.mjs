// node run.mjs [filter…] [--workers n] [--shard 1/2] [--probe]: in an unpacked gpu-bundle, runs the tests whose paths
// contain a filter, all of them without one, on the GPU of ETTIN_CUDA_LIBRARY, or of the library in the bundle. The last
// line is the count, alone. --probe only says what GPUs there are. It needs Node, a driver and cuBLASLt.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** What has nothing to do with devices is left to the ordinary run. */
const FILTERS = [
  ..."ops model optim tensor trainer backend generation losses modules evaluators similarity quantization queue index"
    .split(" ")
    .map((name) => `test/core/${name}/`),
  "test/pretrain/",
  "test/dense/",
];

const { values, positionals } = parseArgs({
  options: { workers: { type: "string" }, shard: { type: "string" }, probe: { type: "boolean" } },
  allowPositionals: true,
});
const library = process.env.ETTIN_CUDA_LIBRARY ?? join(HERE, "native/build/cuda/libettin_cuda.so");

const probe = spawnSync(process.execPath, [join(HERE, "native/cuda-probe.js"), library], { encoding: "utf8" });
console.log(`${library}\n${probe.stdout || probe.stderr}`);
// The disk is warm now: asked as the packages ask, the answer is kept for all workers, which would each ask by themselves.
process.env.ETTIN_CUDA_LIBRARY = library;
const { cudaStatus } = await import("@ettin/core");
try {
  cudaStatus(true);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
if (values.probe) process.exit(0);

const folder = mkdtempSync(join(tmpdir(), "ettin-test-"));
const countsFile = join(folder, "counts.json");
const args = [
  join(HERE, "node_modules/vitest/vitest.mjs"),
  "run",
  `--maxWorkers=${values.workers ?? Math.max(1, availableParallelism() - 2)}`,
  ...(values.shard ? [`--shard=${values.shard}`] : []),
  ...(positionals.length > 0 ? positionals : FILTERS.filter((path) => existsSync(join(HERE, path)))),
];
const child = spawn(process.execPath, args, {
  cwd: HERE,
  stdio: "inherit",
  env: {
    ETTIN_NUM_THREADS: "2", // of each worker's CPU
    ...process.env,
    ETTIN_TEST_DEVICES: "cuda",
    ETTIN_TEST_COUNTS: countsFile,
    CI: "1",
  },
});
const code = await new Promise((done) => child.on("close", (ended) => done(ended ?? 1)));
const { passed, failed, skipped } = existsSync(countsFile)
  ? JSON.parse(readFileSync(countsFile, "utf8"))
  : { passed: 0, failed: 1, skipped: 0 };
rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = code === 0 && failed > 0 ? 1 : code;
