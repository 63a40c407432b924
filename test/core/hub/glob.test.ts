import { expect, test } from "vitest";
import { globMatcher } from "../../../packages/core/src/hub/glob.ts";

test.each<[string, string, boolean, boolean]>([
  // pattern, path, as Python's fnmatch, within a folder
  ["*.json", "config.json", true, true],
  ["*.json", "a/config.json", true, false],
  ["a/*", "a/b/c", true, false],
  ["a/", "a/b", true, true],
  ["?.txt", "a.txt", true, true],
  ["?.txt", "ab.txt", false, false],
  ["model-[0-9].bin", "model-3.bin", true, true],
  ["model-[!0-9].bin", "model-3.bin", false, false],
  ["[", "[", true, true],
  ["[]]", "]", true, true],
  ["a.b", "axb", false, false],
  ["(a|b)+", "a", false, false],
  ["*", "line\nline", true, true],
  ["**************************a", `${"b".repeat(50_000)}`, false, false],
])("%j and %j", (pattern, path, python, folder) => {
  expect(globMatcher([pattern])(path)).toBe(python);
  expect(globMatcher([pattern], { withinFolder: true })(path)).toBe(folder);
});
