// npm test [filter…]: installs, builds, runs the suite. The last line is the count, alone.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { main, prepare, ROOT, run } from "./prepare.mjs";

await main(async () => {
  await prepare();

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
