import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { ROOT } from "../support/root.ts";

// The *.test-d.ts files beside this one hold what the types promise; the compiler is what runs them.
test("sources, tests and type tests compile", { timeout: 180_000 }, async () => {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const output = await promisify(execFile)(process.execPath, [tsc, "--project", ROOT], { cwd: ROOT }).then(
    () => "",
    (error) => error.stdout || String(error),
  );
  expect(output).toBe("");
});
