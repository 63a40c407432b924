import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/**
 * Writes how many tests passed, failed and were skipped to the file named by ETTIN_TEST_COUNTS, for scripts/test.mjs.
 * A file that fails before its tests exist, and an error outside any test, count as a failure each.
 */
export class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const path = process.env.ETTIN_TEST_COUNTS;
    if (path === undefined) return;

    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const test of module.children.allTests()) counts[test.result().state]++;
    }
    // A test that was still to run when the run ended did not pass.
    counts.failed += counts.pending;
    writeFileSync(path, JSON.stringify(counts));
  }
}
