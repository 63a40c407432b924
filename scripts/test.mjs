// npm test [filter…]: installs, builds, runs the suite, the ops also on the emulated GPU. Where nvcc is on the machine the
// CUDA kernels are compiled for sm_90a, so that a warning fails the test. The last line is the count, alone.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCuda, noNvcc } from "./build-cuda.mjs";
import { main, prepare, ROOT, run, timed } from "./prepare.mjs";

await main(async () => {
  await prepare();
  await compileCuda();

  const folder = mkdtempSync(join(tmpdir(), "ettin-test-"));
  const countsFile = join(folder, "counts.json"); // written by test/support/count-reporter.ts
  try {
    const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
    const code = await run(process.execPath, [vitest, "run", ...process.argv.slice(2)], {
      env: { ...process.env, ETTIN_TEST_COUNTS: countsFile },
    });
    // No file: the runner itself did not come to its end.
    const { passed, failed, skipped } = existsSync(countsFile)
      ? JSON.parse(readFileSync(countsFile, "utf8"))
      : { passed: 0, failed: 1, skipped: 0 };
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    return code === 0 && failed > 0 ? 1 : code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Both ways: by the C++ compiler, for the tests of the ops, and by nvcc, where it is. */
async function compileCuda() {
  if (process.platform !== "linux") return console.log("native/cuda is not compiled: it is for Linux only so far");
  await timed("compiling native/cuda for the emulated GPU", () => buildCuda({ emulation: true }));
  const missing = noNvcc();
  if (missing !== null) return console.log(`native/cuda is not compiled for GPUs: ${missing}`);
  await timed("compiling native/cuda for sm_90a", () => buildCuda({ targets: ["sm_90a"], aside: true }));
}
