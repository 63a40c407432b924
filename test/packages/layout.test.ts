import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkPackages } from "../../scripts/check-packages.mjs";
import { ROOT } from "../support/root.ts";

test("every package of this repository keeps to the layout", () => {
  expect(checkPackages(ROOT)).toEqual([]);
});

// The rules themselves: a small tree that keeps to them, and one change that breaks each.

let root: string;

const manifest = (name: string, more = {}) => ({
  name,
  version: "1.0.0",
  description: "A package",
  private: true,
  license: "Apache-2.0",
  type: "module",
  sideEffects: false,
  engines: { node: ">=20.19" },
  exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
  files: ["dist"],
  ...more,
});

function write(path: string, content: string | object) {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), typeof content === "string" ? content : JSON.stringify(content));
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "ettin-layout-"));
  write("native/package.json", manifest("@ettin/native"));
  write("packages/core/package.json", manifest("@ettin/core", { dependencies: { "@ettin/native": "1.0.0" } }));
  write("packages/core/src/backend/native.ts", `import { loadAddon } from "@ettin/native";\n`);
  write("packages/dense/package.json", manifest("@ettin/dense", { dependencies: { "@ettin/core": "1.0.0" } }));
  write("packages/dense/src/index.ts", `export { Tensor } from "@ettin/core";\nexport { pool } from "./model.ts";\n`);
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test("a tree that keeps to the layout has no problems", () => {
  expect(checkPackages(root)).toEqual([]);
});

const dense = ({ dependencies = {}, ...more }: { dependencies?: object; [field: string]: unknown }) =>
  write(
    "packages/dense/package.json",
    manifest("@ettin/dense", { ...more, dependencies: { "@ettin/core": "1.0.0", ...dependencies } }),
  );
const lock = (entry: object) => write("package-lock.json", { packages: { "node_modules/a": entry } });
const source = (text: string) => write("packages/dense/src/model.ts", text);

test.each<[string, () => void, string]>([
  ["another version", () => dense({ version: "1.0.1" }), "version is 1.0.1, others have 1.0.0"],
  ["another license", () => dense({ license: "MIT" }), "license is MIT"],
  ["a package to publish by hand", () => dense({ private: false }), "private is false"],
  ["no description", () => dense({ description: "" }), "no description"],
  ["main beside exports", () => dense({ main: "dist/index.js" }), `"main" and "types" are outside "exports"`],
  ["types after default", () => dense({ exports: { ".": { default: "./a.js", types: "./a.d.ts" } } }), `"types" first`],
  ["an install script", () => dense({ scripts: { postinstall: "node fetch.js" } }), `script "postinstall"`],
  ["a range", () => dense({ dependencies: { "hnswlib-node": "^3.0.0" } }), `hnswlib-node is "^3.0.0"`],
  ["a plugin on native", () => dense({ dependencies: { "@ettin/native": "1.0.0" } }), "depends on @ettin/native"],
  ["a plugin on itself", () => dense({ dependencies: { "@ettin/dense": "1.0.0" } }), "depends on @ettin/dense"],
  ["a default export", () => source("export default class Model {}\n"), "has a default export"],
  [
    "an undeclared import",
    () => source(`import {\n  a,\n} from "left-pad";\n`),
    "imports left-pad, which is not in dep",
  ],
  ["an undeclared dynamic import", () => source(`const m = await import("left-pad");\n`), "imports left-pad"],
  ["a path into core", () => source(`import { a } from "../../core/src/a.ts";\n`), "outside its package"],
  [
    "a second loader",
    () => write("packages/core/src/b.ts", `import { a } from "@ettin/native";\n`),
    "backend/native.ts",
  ],
  ["a drawer", () => write("packages/dense/src/utils/a.ts", ""), "[packages/dense/src/utils] is named utils"],
  ["deep folders", () => write("packages/dense/src/a/b/c.ts", ""), "2 folders deep"],
  ["a long file", () => source("a;\n".repeat(401)), "has 401 lines; 400 is the limit"],
  ["an old excuse", () => write("scripts/long-files.json", { "a.ts": "why" }), "excuses a.ts"],
  ["a host in the lock", () => lock({ resolved: "https://example.org/a.tgz" }), "names a host"],
  [
    "a lock without a binary",
    () => lock({ optionalDependencies: { "a-arm64": "1.0.0" } }),
    "a-arm64 of node_modules/a",
  ],
  [
    "a changeset of no package",
    () => write(".changeset/a.md", `---\n"@ettin/dense": minor\n"@ettin/cli": minor\n---\n\n"b": c\n`),
    "[.changeset/a.md] @ettin/cli is no package",
  ],
  ["cuda in cpu", () => write("native/cpu/a.cpp", `#include "../cuda/a.h"\n`), "cpu and cuda never include each other"],
])("%s is a problem", (_, spoil, problem) => {
  spoil();
  const problems = checkPackages(root);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(problem);
});

test("a long file with a reason is fine", () => {
  source("a;\n".repeat(401));
  write("scripts/long-files.json", { "packages/dense/src/model.ts": "one table" });
  expect(checkPackages(root)).toEqual([]);
});
