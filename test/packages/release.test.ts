import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { cudaPlatforms, platforms } from "../../native/platforms.js";
import { ROOT } from "../support/root.ts";

test("the release workflow builds every platform of the table, and no other", () => {
  const workflow = readFileSync(join(ROOT, ".github/workflows/prebuild.yml"), "utf8");
  const built = [...workflow.matchAll(/platform: ([\w-]+),/g)].map((match) => match[1]);
  expect(built).toEqual(Object.keys(platforms));
  const withKernels = [...workflow.matchAll(/--platform ([\w-]+-cuda)\b/g)].map((match) => match[1]);
  expect(withKernels).toEqual(Object.keys(cudaPlatforms));
});
