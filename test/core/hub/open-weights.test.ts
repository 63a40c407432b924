import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngineError, openWeights } from "@ettin/core";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";
import { writeSafetensors } from "../../support/safetensors.ts";

const root = temporaryFolder();
const one = { dtype: "U8", shape: [1], data_offsets: [0, 1] };
let folders = 0;

/** A folder with these files: headers of one-byte tensors by shard, or text. */
function folderOf(files: Record<string, string | readonly string[]>): string {
  const folder = join(root, `${folders++}`);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === "string") writeFileSync(join(folder, name), content);
    else {
      const header = content.map((tensor, i) => [tensor, { ...one, data_offsets: [i, i + 1] }]);
      writeSafetensors(join(folder, name), Object.fromEntries(header), content.length);
    }
  }
  return folder;
}
const index = (weightMap: unknown) => JSON.stringify({ metadata: { total_size: 2 }, weight_map: weightMap });
const INDEX = "model.safetensors.index.json";

test("shards that Python wrote open as one set", async () => {
  const tensors = await openWeights(join(ROOT, "test/fixtures/safetensors/sharded"));
  expect([...tensors.keys()].sort()).toEqual(["a", "b", "c", "d"]);
  expect(tensors.get("c")!.file.endsWith("sharded/model-00002-of-00003.safetensors")).toBe(true);
});

test("one file goes before an index", async () => {
  const tensors = await openWeights(folderOf({ "model.safetensors": ["x"], [INDEX]: "no JSON" }));
  expect([...tensors.keys()]).toEqual(["x"]);
});

test("old indexes without sizes open, and so do shards in a folder below", async () => {
  const folder = folderOf({ [INDEX]: JSON.stringify({ weight_map: { a: "parts/1.safetensors" } }) });
  mkdirSync(join(folder, "parts"));
  writeSafetensors(join(folder, "parts/1.safetensors"), { a: one }, 1);
  expect([...(await openWeights(folder)).keys()]).toEqual(["a"]);
});

const shards = { "1.safetensors": ["a"], "2.safetensors": ["b"] };

test.each<[string, Record<string, string | readonly string[]>, string]>([
  ["nothing", {}, "has neither model.safetensors nor model.safetensors.index.json"],
  ["an index that is not JSON", { [INDEX]: "{" }, `${INDEX}: this is not JSON`],
  ["an index without a map", { [INDEX]: "{}" }, "there is no weight_map"],
  ["an index that is null", { [INDEX]: "null" }, "there is no weight_map"],
  ["an empty map", { [INDEX]: index({}) }, "weight_map is empty"],
  ["a number for a file", { [INDEX]: index({ a: 1 }) }, 'weight_map gives tensor "a" no file name'],
  [
    "a path above the folder",
    { [INDEX]: index({ a: "../x" }) },
    'puts tensor "a" in "../x", which is not a path inside',
  ],
  ["a path that turns back", { [INDEX]: index({ a: "p/../../x" }) }, '"p/../../x", which is not a path inside'],
  ["a path from the root", { [INDEX]: index({ a: "/etc/passwd" }) }, '"/etc/passwd", which is not a path inside'],
  ["a path with a drive", { [INDEX]: index({ a: "C:x" }) }, '"C:x", which is not a path inside'],
  ["a path of another platform", { [INDEX]: index({ a: "..\\x" }) }, "which is not a path inside"],
  ["a path with a zero byte", { [INDEX]: index({ a: "x\0" }) }, '"x\\u0000", which is not a path inside'],
  ["an empty path", { [INDEX]: index({ a: "" }) }, '"", which is not a path inside'],
  [
    "a missing shard",
    { ...shards, [INDEX]: index({ a: "1.safetensors", b: "3.safetensors" }) },
    'names "3.safetensors"',
  ],
  [
    "an absent tensor",
    { ...shards, [INDEX]: index({ a: "1.safetensors", c: "2.safetensors" }) },
    "but no shard has it",
  ],
  ["a tensor elsewhere", { ...shards, [INDEX]: index({ a: "2.safetensors", b: "1.safetensors" }) }, 'but it is in "'],
  [
    "a tensor in two shards",
    { ...shards, "2.safetensors": ["a", "b"], [INDEX]: index({ a: "1.safetensors", b: "2.safetensors" }) },
    'tensor "a" is in both "1.safetensors" and "2.safetensors"',
  ],
  ["a tensor twice in the index", { [INDEX]: '{"weight_map":{"a":"1","a":"2"}}' }, '"a" is there twice'],
  ["a damaged shard", { "1": "short", [INDEX]: index({ a: "1" }) }, "1: 5 bytes are too few"],
])("a folder with %s is refused", async (_, files, message) => {
  const folder = folderOf(files);
  const failed = await openWeights(folder).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(EngineError);
  expect((failed as Error).message).toContain(`[openWeights] ${folder}`);
  expect((failed as Error).message).toContain(message);
});

test("pickled weights are refused with the lines that convert them", async () => {
  const folder = folderOf({ "pytorch_model.bin": "pickle" });
  const failed = (await openWeights(folder).catch((error: unknown) => error)) as EngineError;
  expect(failed.message).toContain("has its weights as pytorch_model.bin only");
  expect(failed.message).toContain(`source = ${JSON.stringify(folder)}`);
  expect(failed.message).toContain('.from_pretrained(source).save_pretrained("converted")');
  await expect(openWeights(folderOf({ "pytorch_model.bin.index.json": "{}" }))).rejects.toThrow("Convert it once");
});
