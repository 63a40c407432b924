/** What is known of a model's weights before they are downloaded. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { openWeights, resolveFolder, weightHeaders } from "@ettin/core";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { startHub, TOKEN } from "../../support/hub-server.ts";
import { ROOT } from "../../support/root.ts";
import { runCommand } from "../../support/terminal.ts";

const hub = await startHub();
const root = temporaryFolder();
const fixture = (name: string) => join(ROOT, "test/fixtures/models", name);
const ONE = fixture("modernbert-decoder");
const SHARDED = fixture("modernbert-decoder-untied-biases-old-keys-sharded");
const SHARDS = [1, 2, 3].map((n) => `model-0000${n}-of-00003.safetensors`);
const INDEX = "model.safetensors.index.json";
let cacheDir = "";
let caches = 0;

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (/^(HF|HUGGING)/.test(name)) vi.stubEnv(name, undefined);
  cacheDir = join(root, `cache-${caches++}`);
  vi.stubEnv("HF_HUB_CACHE", cacheDir);
  vi.stubEnv("HF_HOME", root);
  vi.stubEnv("HF_ENDPOINT", hub.endpoint);
  hub.repos.clear();
  hub.faults.clear();
  hub.sent.clear();
  hub.seen.length = 0;
});
afterEach(() => vi.unstubAllEnvs());

const add = (folder: string, names: readonly string[], options = {}) =>
  hub.add("o/n", Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name))])), options);
/** Bytes before a file's data. */
const headerBytes = (path: string) => 8 + Number(readFileSync(path).readBigUInt64LE());
const described = (tensors: ReadonlyMap<string, { dtype: string; shape: readonly number[]; bytes: number }>) =>
  new Map([...tensors].map(([name, { dtype, shape, bytes }]) => [name, { dtype, shape, bytes }]));

test("of a repository are fetched without a byte of the weights, and the token goes to no storage", async () => {
  add(ONE, ["config.json", "model.safetensors"], { access: "private" });
  const { tensors } = await weightHeaders("o/n", { token: TOKEN });
  expect(described(tensors)).toEqual(described(await openWeights(ONE)));
  expect(hub.sent.get("model.safetensors")).toBe(headerBytes(join(ONE, "model.safetensors")));
  for (const { host, authorization } of hub.seen)
    expect(authorization).toBe(host === "hub" ? `Bearer ${TOKEN}` : undefined);
});

test("of shards are fetched from each, as the index names them", async () => {
  add(SHARDED, ["config.json", INDEX, ...SHARDS]);
  expect(described((await weightHeaders("o/n")).tensors)).toEqual(described(await openWeights(SHARDED)));
  for (const shard of SHARDS) expect(hub.sent.get(shard), shard).toBe(headerBytes(join(SHARDED, shard)));
});

test("are read from the cache where it has the weights, and offline only there", async () => {
  add(ONE, ["config.json", "model.safetensors"]);
  await resolveFolder("o/n");
  hub.sent.clear();
  expect((await weightHeaders("o/n")).tensors.size).toBeGreaterThan(0);
  expect((await weightHeaders("o/n", { localFilesOnly: true })).tensors.size).toBeGreaterThan(0);
  expect(hub.sent.size).toBe(0);
  const other = { cacheDir: join(root, "other") };
  await weightHeaders("o/n", other);
  await expect(weightHeaders("o/n", { ...other, localFilesOnly: true })).rejects.toMatchObject({
    code: "offline",
    what: expect.stringContaining("model.safetensors of o/n"),
  });
});

test("come from a server that knows no ranges, too", async () => {
  add(ONE, ["config.json", "model.safetensors"]);
  hub.faults.set("model.safetensors", [{ wholeAlways: true }, { wholeAlways: true }]);
  expect(described((await weightHeaders("o/n")).tensors)).toEqual(described(await openWeights(ONE)));
});

test.each<[string, () => unknown, string]>([
  [
    "that is damaged",
    () => hub.faults.set("model.safetensors", [{ replace: Buffer.alloc(99) }]),
    "o/n/model.safetensors: the header's length is 0",
  ],
  [
    "that is cut off",
    () => hub.faults.set("model.safetensors", [{ replace: Buffer.alloc(3) }]),
    "o/n/model.safetensors: ",
  ],
  [
    "that storage refuses",
    () => hub.faults.set("model.safetensors", [{ status: 403 }]),
    "answered status 403 for model.safetensors",
  ],
  [
    "that is pickled",
    () => add(ONE, ["config.json"]).files.set("pytorch_model.bin", Buffer.alloc(9)),
    "pytorch_model.bin only, a pickle",
  ],
  ["that is not there", () => add(ONE, ["config.json"]), "has neither model.safetensors nor"],
])("of a file %s are an error", async (_, spoil, message) => {
  add(ONE, ["config.json", "model.safetensors"]);
  spoil();
  await expect(weightHeaders("o/n")).rejects.toThrow(message);
});

test("are all that `ettin info` reads of a repository", async () => {
  add(SHARDED, ["config.json", INDEX, ...SHARDS]);
  const { code, stdout } = await runCommand(["info", "o/n", "--json"]);
  expect(code).toBe(0);
  const bytes = [...(await openWeights(SHARDED)).values()].reduce((sum, each) => sum + each.bytes, 0);
  expect(JSON.parse(stdout).stored).toEqual({ bytes, dtypes: ["F32"] });
  for (const shard of SHARDS) expect(hub.sent.get(shard), shard).toBe(headerBytes(join(SHARDED, shard)));
});
