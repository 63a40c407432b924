import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { platforms, thisPlatform } from "../../native/platforms.js";
import { nodeHeaders } from "../../scripts/node-headers.mjs";
import { packAll } from "../../scripts/pack.mjs";
import { workspacePackages } from "../../scripts/packages.mjs";
import { writePlatformPackage } from "../../scripts/platform-package.mjs";
import { npm } from "../../scripts/prepare.mjs";
import { ROOT } from "../support/root.ts";

const runFile = promisify(execFile);

// What is published, installed as a user would: from tarballs, into an empty folder, with scripts blocked and, to be
// sure that nothing else is fetched, without a network.

const folder = mkdtempSync(join(tmpdir(), "ettin-tarball-"));
const user = join(folder, "user");
const installed = (name: string) => join(user, "node_modules", name);
const platformPackage = `@ettin/native-${thisPlatform()}`;
const { version } = workspacePackages(ROOT)[0]!.manifest;

beforeAll(async () => {
  const tarballs = await packAll(join(folder, "tarballs"));
  mkdirSync(user);
  writeFileSync(join(user, "package.json"), `{ "private": true, "type": "module" }`);
  const [command, args] = npm("install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", ...tarballs);
  await runFile(command, args, { cwd: user });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a script in the user's folder, with no variable that could point back into the repository. */
async function runScript(code: string): Promise<{ code: number; stdout: string; stderr: string }> {
  writeFileSync(join(user, "script.js"), code);
  const { ETTIN_ADDON: _, ETTIN_CUDA_LIBRARY: __, NODE_OPTIONS: ___, NODE_PATH: ____, ...env } = process.env;
  try {
    return { code: 0, ...(await runFile(process.execPath, ["script.js"], { cwd: user, env })) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

const names = [...workspacePackages(ROOT).map(({ manifest }) => manifest.name as string), platformPackage];

describe.each(names)("%s as published", (name) => {
  const manifest = () => JSON.parse(readFileSync(join(installed(name), "package.json"), "utf8"));
  const files = () =>
    readdirSync(installed(name), { recursive: true, encoding: "utf8" }).filter(
      (path) => !path.includes("node_modules"),
    );

  test("has its license and the common version", () => {
    expect(manifest()).toMatchObject({ name, version, license: "Apache-2.0" });
    expect(files()).toContain("LICENSE");
    expect(readFileSync(join(installed(name), "README.md"), "utf8")).toMatch(new RegExp(`^# ${name}\n\n\\S`)); // npm's page
  });

  test("needs no script: npm would run node-gyp for a binding.gyp", () => {
    expect(manifest().scripts).toBeUndefined();
    expect(files().filter((path) => path.endsWith(".gyp"))).toEqual([]);
  });

  test("holds no tests, no sources and no source maps", () => {
    expect(files().filter((path) => /\btest\b|\.test\.|\.map$|\.cpp$|\.tsbuildinfo$/.test(path))).toEqual([]);
    expect(files().filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))).toEqual([]);
  });

  test("every entry of its exports map is there", () => {
    const { exports = {}, main } = manifest();
    const targets = Object.values<string | Record<string, string>>(exports).flatMap((entry) =>
      typeof entry === "string" ? [entry] : Object.values(entry),
    );
    if (main) targets.push(main);
    expect(targets.filter((path) => !existsSync(join(installed(name), path)))).toEqual([]);
  });
});

test("@ettin/native names every platform's package at its own version", () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(installed("@ettin/native"), "package.json"), "utf8"));
  const expected = Object.keys(platforms).map((platform) => [`@ettin/native-${platform}`, version]);
  expect(optionalDependencies).toEqual(Object.fromEntries(expected));
});

test("a script computes with @ettin/core", async () => {
  const { stdout, stderr } = await runScript(`
    import { Tensor } from "@ettin/core";
    const x = Tensor.from([[1, 2], [3, 4]]);
    console.log(x.shape, await x.data());
  `);
  expect(stderr).toBe("");
  expect(stdout.trim()).toBe("[ 2, 2 ] Float32Array(4) [ 1, 2, 3, 4 ]");
});

describe("an index", () => {
  const search = (kind: string) =>
    runScript(`
      import { createIndex } from "@ettin/core";
      const index = await createIndex({ dim: 2, kind: "${kind}" });
      await index.add({ ids: ["a", "b"], vectors: [[1, 0], [0, 1]] });
      console.log(await index.search([1, 0], { k: 1 }));
    `);

  test("needs no binary of hnswlib-node, except of kind hnsw, whose error is the command that makes it", async () => {
    expect(await search("exact")).toMatchObject({ stderr: "", stdout: "[ { id: 'a', score: 1, metadata: null } ]\n" });
    const { code, stderr } = await search("hnsw");
    expect(code).toBe(1);
    expect(stderr).toContain("[createIndex] hnswlib-node has no binary that works here (Could not locate the bindings");
    expect(stderr).toContain("Run: npm rebuild hnswlib-node --dangerously-allow-all-scripts (it compiles");
  });

  const headers = nodeHeaders(); // else node-gyp would download them
  test.skipIf(headers === null)("that command is enough", async () => {
    const [command, args] = npm("rebuild", "hnswlib-node", "--dangerously-allow-all-scripts");
    await runFile(command, args, { cwd: user, env: { ...process.env, npm_config_nodedir: headers! } });
    expect(await search("hnsw")).toMatchObject({ stderr: "", stdout: "[ { id: 'a', score: 1, metadata: null } ]\n" });
  });
});

test("the command `ettin` runs, with the executable bit and the shebang that npm needs", async () => {
  const [command, args] = npm("exec", "--offline", "--", "ettin");
  const { ETTIN_ADDON: _, ...env } = process.env;
  const ettin = (...rest: string[]) => runFile(command, [...args, ...rest], { cwd: user, env });
  expect((await ettin("--version")).stdout).toBe(`${version}\n`);
  expect((await ettin("doctor")).stdout).toMatch(/^ok {2}cpu /m);
  expect((await ettin("info", "ettin-encoder-17m")).stdout).toContain("ettin-encoder-17m");
  await expect(ettin("dance")).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining("there is no command"),
  });
});

describe.skipIf(process.platform !== "linux" || process.arch !== "x64")("CUDA kernels", () => {
  const find = () =>
    runScript(`
      import { findCudaLibrary } from "@ettin/native";
      try { console.log(findCudaLibrary()) } catch (error) { console.log(error.message) }
    `);

  test("that are not installed: the error is the command that brings them", async () => {
    const name = `${platformPackage}-cuda`;
    expect((await find()).stdout).toBe(
      `no CUDA kernels: the package ${name} is not installed. Run: npm install ${name}@${version}\n`,
    );
  });

  test("are found once their package is there", async () => {
    const library = join(folder, "any-library");
    writeFileSync(library, "kernels");
    const made = writePlatformPackage(join(folder, "cuda"), `${thisPlatform()}-cuda`, library);
    cpSync(made, installed(`${platformPackage}-cuda`), { recursive: true });
    const found = join(installed(`${platformPackage}-cuda`), "libettin_cuda.so");
    expect((await find()).stdout).toBe(`${realpathSync(found)}\n`);
    expect(readFileSync(found, "utf8")).toBe("kernels");
    expect(JSON.parse(readFileSync(join(made, "package.json"), "utf8"))).toMatchObject({
      ...{ name: `${platformPackage}-cuda`, version, os: ["linux"], cpu: ["x64"], libc: ["glibc"] },
    });
  });
});

test("without the platform's package the error is the command that brings it", async () => {
  rmSync(installed(platformPackage), { recursive: true });
  const { code, stderr } = await runScript(`
    import { loadAddon } from "@ettin/native";
    loadAddon();
  `);
  expect(code).toBe(1);
  expect(stderr).toContain(`[native] no binary for ${thisPlatform()}`);
  expect(stderr).toContain(`Run: npm install ${platformPackage}@${version}`);
});

test("on a platform without a binary the error names those that have one", async () => {
  const { stderr } = await runScript(`
    Object.defineProperty(process, "platform", { value: "aix" });
    const { loadAddon } = await import("@ettin/native");
    loadAddon();
  `);
  expect(stderr).toContain(`[native] there is no binary for aix-${process.arch}; there is one for linux-x64-gnu,`);
});
