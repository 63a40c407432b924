import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HubError, resolveFolder, type SnapshotOptions, snapshotDownload } from "@ettin/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { runChild } from "../../support/child.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { gitHash, sha256, startHub, TOKEN } from "../../support/hub-server.ts";

const hub = await startHub();
const root = temporaryFolder();
const WEIGHTS = Buffer.from(Float64Array.from({ length: 20_000 }, (_, i) => i).buffer);
const FILES = {
  "config.json": "{}",
  "model.safetensors": WEIGHTS,
  "tokenizer.json": `{"model": "${"x".repeat(2000)}"}`,
  "onnx/model.onnx": "onnx",
  "1_Pooling/config.json": '{"pooling": 1}',
};
let cacheDir = "";
let caches = 0;

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(HF|HUGGING)/.test(name)) vi.stubEnv(name, undefined);
  vi.stubEnv("HF_HOME", join(root, "home"));
  cacheDir = join(root, `cache-${caches++}`);
  hub.repos.clear();
  hub.faults.clear();
  hub.pageSize = 1000;
  hub.seen.length = 0;
});
afterEach(() => vi.unstubAllEnvs());

const options = (more: SnapshotOptions = {}): SnapshotOptions => ({ endpoint: hub.endpoint, cacheDir, ...more });
const snapshot = (more: SnapshotOptions = {}) => snapshotDownload("o/n", options(more));
const added = async (access: "public" | "gated" = "public") => void hub.add("o/n", FILES, { access });
const filesIn = (folder: string) =>
  (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => existsSync(join(folder, name)) && !isFolder(join(folder, name)))
    .sort();
const isFolder = (path: string) => {
  try {
    readdirSync(path);
    return true;
  } catch {
    return false;
  }
};

describe("a snapshot", () => {
  test("has all files of one commit, however many pages list them", async () => {
    const { commit } = hub.add("o/n", FILES);
    hub.pageSize = 2;
    const folder = await snapshot();
    expect(folder).toBe(join(cacheDir, "models--o--n/snapshots", commit));
    expect(filesIn(folder)).toEqual(Object.keys(FILES).sort());
    for (const [path, content] of Object.entries(FILES)) {
      expect(readFileSync(join(folder, path)).equals(Buffer.from(content)), path).toBe(true);
    }
    expect(readFileSync(join(cacheDir, "models--o--n/refs/main"), "utf8")).toBe(commit);
  });

  test("keeps the listing where Python's client looks for it", async () => {
    const { commit } = hub.add("o/n", FILES);
    await snapshot();
    const tree = JSON.parse(readFileSync(join(cacheDir, `models--o--n/trees/${commit}.json`), "utf8"));
    expect(tree.format_version).toBe(1);
    expect(tree.files["config.json"]).toEqual({ size: 2, blob_id: gitHash(Buffer.from("{}")) });
    expect(tree.files["model.safetensors"]).toMatchObject({
      size: 160_000,
      lfs_sha256: sha256(WEIGHTS),
      lfs_size: 160_000,
    });
  });

  test("needs one request when it is whole, and none for a commit", async () => {
    const { commit } = hub.add("o/n", FILES);
    const folder = await snapshot();
    hub.requests();
    expect(await snapshot()).toBe(folder);
    expect(hub.requests()).toEqual(["GET hub /api/models/o/n/revision/main"]);
    expect(await snapshot({ revision: commit })).toBe(folder);
    expect(hub.requests()).toEqual([]);
  });

  test("has what the patterns allow and do not ignore, as Python's matching has it", async () => {
    hub.add("o/n", FILES);
    const folder = await snapshot({ allowPatterns: ["*.json", "onnx/"], ignorePatterns: ["tok*"] });
    expect(filesIn(folder)).toEqual(["1_Pooling/config.json", "config.json", "onnx/model.onnx"]);
  });

  test("of a later commit downloads what changed", async () => {
    hub.add("o/n", FILES);
    await snapshot();
    hub.add("o/n", { ...FILES, "config.json": '{"new": 1}' });
    hub.requests();
    const folder = await snapshot();
    expect(hub.requests().filter((request) => /resolve|storage/.test(request))).toHaveLength(1);
    expect(readFileSync(join(folder, "config.json"), "utf8")).toBe('{"new": 1}');
  });

  test("is what the cache has when the hub is offline, unreachable or closed", async () => {
    hub.add("o/n", FILES);
    const folder = await snapshot({ allowPatterns: ["config.json"] });
    expect(await snapshot({ localFilesOnly: true })).toBe(folder);
    expect(await snapshot({ endpoint: "http://127.0.0.1:1" })).toBe(folder);
    hub.repos.get("o/n")!.access = "private";
    expect(await snapshot()).toBe(folder);
  });

  test("sends the token along the pages, and not to storage", async () => {
    hub.add("o/n", FILES, { access: "private" });
    hub.pageSize = 2;
    await snapshot({ token: TOKEN });
    for (const { host, authorization } of hub.seen)
      expect(authorization).toBe(host === "hub" ? `Bearer ${TOKEN}` : undefined);
  });

  test("fails with the first failing file, when the others have stopped", async () => {
    hub.add("o/n", FILES);
    hub.faults.set("model.safetensors", [{ replace: Buffer.alloc(WEIGHTS.length) }]);
    const error = await snapshot().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(HubError);
    expect(String(error)).toContain("[snapshotDownload] model.safetensors of o/n: its sha256 is");
  });

  test.each<[string, () => Promise<string>, string]>([
    ["a missing repository", () => snapshot(), "no-repo"],
    ["a missing revision", () => added().then(() => snapshot({ revision: "v9" })), "no-revision"],
    ["a gated repository", () => added("gated").then(() => snapshot()), "gated"],
    ["offline mode and an empty cache", () => snapshot({ localFilesOnly: true }), "offline"],
    ["an unreachable hub and an empty cache", () => snapshot({ endpoint: "http://127.0.0.1:1" }), "unreachable"],
  ])("%s is an error", async (_, run, code) => {
    await expect(run()).rejects.toMatchObject({ name: "HubError", code, where: "snapshotDownload" });
  });

  test.each(["../../x", "/x", "a/../../x", "a\\..\\x"])(
    "a listing with the path %j is refused, and nothing is written there",
    async (path) => {
      hub.add("o/n", { "config.json": "{}", [path]: "escaped" });
      await expect(snapshot()).rejects.toMatchObject({ code: "corrupt" });
      expect(existsSync(join(cacheDir, "models--o--n/snapshots"))).toBe(false);
    },
  );

  test("is whole when two processes make it at once", async () => {
    const { commit } = hub.add("o/n", FILES);
    const text = `console.log(await core.snapshotDownload("o/n", ${JSON.stringify(options())}))`;
    const results = await Promise.all([runChild(text), runChild(text)]);
    const folder = join(cacheDir, "models--o--n/snapshots", commit);
    for (const { stdout, stderr } of results) expect(stdout.trim(), stderr).toBe(folder);
    for (const [path, content] of Object.entries(FILES)) {
      expect(readFileSync(join(folder, path)).equals(Buffer.from(content)), path).toBe(true);
    }
    expect(readdirSync(join(cacheDir, "models--o--n/blobs"))).toHaveLength(Object.keys(FILES).length);
  });
});

describe("resolveFolder", () => {
  const resolved = (id: string, more = {}) => resolveFolder(id, options(more));

  test("leaves a local folder as it is, without a request", async () => {
    const local = join(root, "local");
    mkdirSync(local);
    expect(await resolved(local)).toBe(local);
    expect(hub.seen).toEqual([]);
  });

  test("downloads configuration, tokenizer and weights of a repository", async () => {
    hub.add("o/n", { ...FILES, "README.md": "#", "checkpoint-1/model.safetensors": WEIGHTS });
    expect(filesIn(await resolved("o/n"))).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    expect(filesIn(await resolved("o/n", { files: ["*/config.json"] }))).toContain("1_Pooling/config.json");
  });

  test("leaves shards where one file has the weights", async () => {
    hub.add("o/n", { ...FILES, "model.safetensors.index.json": "{}", "model-00001-of-00001.safetensors": WEIGHTS });
    expect(filesIn(await resolved("o/n"))).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  });

  test("refuses pickled weights before it downloads anything", async () => {
    hub.add("o/n", { "config.json": "{}", "pytorch_model.bin": WEIGHTS });
    await expect(resolved("o/n")).rejects.toThrow("[resolveFolder] o/n has its weights as pytorch_model.bin only");
    expect(hub.requests().filter((request) => request.includes("resolve"))).toEqual([]);
    expect(filesIn(await resolved("o/n", { files: ["*.json"] }))).toEqual(["config.json"]);
  });

  test.each(["./absent", "/absent", "a/b/c", "C:\\model", ""])(
    "%j is neither a folder nor a repository",
    async (path) => {
      await expect(resolved(path)).rejects.toThrow("is no folder, and no repository name either");
    },
  );

  test("a name that the hub does not have may be a folder's that is misspelt", async () => {
    await expect(resolved("runs/fianl")).rejects.toThrow(
      `[resolveFolder] there is no folder runs/fianl here, and there is no model runs/fianl at ${hub.endpoint} (status 401)`,
    );
    const nobody = resolveFolder("final", { endpoint: "http://127.0.0.1:1", cacheDir: join(root, "empty") });
    await expect(nobody).rejects.toThrow(
      "[resolveFolder] there is no folder final here, and final could not be asked for",
    );
  });

  test("says that a file is no folder", async () => {
    writeFileSync(join(root, "file"), "");
    await expect(resolved(join(root, "file"))).rejects.toThrow("is a file, and no repository name either");
  });
});

test("a local folder loads without the hub's library", async () => {
  const text = `
    const loaded = [];
    const { registerHooks } = await import("node:module");
    registerHooks?.({ load(url, context, next) { loaded.push(url); return next(url, context); } });
    await core.resolveFolder(".");
    const local = loaded.length;
    await core.snapshotDownload("o/n", ${JSON.stringify({ ...options() })}).catch(() => {});
    console.log(local, loaded.some((url) => url.includes("huggingface/hub")), !registerHooks);`;
  const { stdout, stderr } = await runChild(text);
  expect(stdout.trim(), stderr).toMatch(/^0 true false$|^0 false true$/);
});
