import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadStored, openWeights, readSafetensorsHeader, saveWeights, storedWeight, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { read } from "../../support/read.ts";
import { ROOT } from "../../support/root.ts";

const root = temporaryFolder();
const FIXTURES = join(ROOT, "test/fixtures/safetensors");
const MIXED = join(FIXTURES, "mixed.safetensors");
let folders = 0;
const newFolder = () => join(root, `${folders++}`);

/** The tensors of a file as they are to be written, in any order. */
async function tensorsOf(path: string) {
  const bytes = readFileSync(path);
  const { tensors } = await readSafetensorsHeader(path);
  return [...tensors.values()].map(({ name, dtype, shape, offset, bytes: size }) => ({
    name,
    dtype,
    shape,
    read: async () => new Uint8Array(bytes.subarray(offset, offset + size)),
  }));
}

const small = (name: string, bytes: number, value = 1) => ({
  name,
  dtype: "U8" as const,
  shape: [bytes],
  read: async () => new Uint8Array(bytes).fill(value),
});

test("one file has the bytes that Python's library writes, whatever the order given", async () => {
  const folder = newFolder();
  const tensors = (await tensorsOf(MIXED)).sort((a, b) => (a.name < b.name ? 1 : -1));
  await saveWeights(folder, tensors);
  expect(readdirSync(folder)).toEqual(["model.safetensors"]);
  expect(readFileSync(join(folder, "model.safetensors")).equals(readFileSync(MIXED))).toBe(true);
});

test("shards and index have the bytes that Python's libraries write", async () => {
  // a b c d in this order, 16 + 40 + 16 + 12 bytes, 36 a shard: b goes alone, at once; d does not fit beside a and c
  const theirs = join(FIXTURES, "sharded");
  const tensors = [...(await openWeights(theirs)).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const folder = newFolder();
  await saveWeights(
    folder,
    tensors.map(({ file, offset, bytes, ...rest }) => ({
      ...rest,
      read: async () => new Uint8Array(readFileSync(file).subarray(offset, offset + bytes)),
    })),
    { maxShardSize: Number(readFileSync(join(theirs, "limit.txt"), "utf8")) },
  );
  expect(readdirSync(folder).sort()).toEqual(
    readdirSync(theirs)
      .filter((name) => name !== "limit.txt")
      .sort(),
  );
  for (const name of readdirSync(folder)) {
    expect(readFileSync(join(folder, name)).equals(readFileSync(join(theirs, name))), name).toBe(true);
  }
});

test("the data starts at a multiple of 8 bytes, after spaces", async () => {
  for (let length = 1; length <= 9; length++) {
    const folder = newFolder();
    await saveWeights(folder, [small("x".repeat(length), 1)]);
    const bytes = readFileSync(join(folder, "model.safetensors"));
    const header = Number(bytes.readBigUInt64LE());
    expect(header % 8).toBe(0);
    expect(bytes.subarray(8, 8 + header).toString()).toMatch(/^\{.*\} {0,7}$/);
  }
});

describe("shards", () => {
  test.each<[number | string, string[]]>([
    [100, ["model.safetensors"]],
    [18, ["model.safetensors"]],
    [17, ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]],
    ["1KB", ["model.safetensors"]],
  ])("with a limit of %s the files are %s", async (maxShardSize, files) => {
    const folder = newFolder();
    await saveWeights(folder, [small("a", 6), small("b", 6), small("c", 6)], { maxShardSize });
    expect(readdirSync(folder).sort()).toEqual(files);
  });

  test.each([0, -1, 1.5e20, Number.NaN, "5 XB", "GB", ""])("a limit of %j is refused", async (maxShardSize) => {
    await expect(saveWeights(newFolder(), [small("a", 1)], { maxShardSize })).rejects.toThrow(
      "[saveWeights] maxShardSize",
    );
  });

  test("a tensor beyond the limit gets a shard of its own, and the index says which", async () => {
    const folder = newFolder();
    await saveWeights(folder, [small("a", 2), small("big", 9), small("c", 2)], { maxShardSize: 4 });
    const index = JSON.parse(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"));
    expect(index).toEqual({
      metadata: { total_parameters: 13, total_size: 13 },
      weight_map: {
        a: "model-00002-of-00002.safetensors",
        big: "model-00001-of-00002.safetensors",
        c: "model-00002-of-00002.safetensors",
      },
    });
  });
});

describe("saving over an earlier save", () => {
  const three = [small("a", 6), small("b", 6), small("c", 6)];

  test("leaves only the files of the later one", async () => {
    const folder = newFolder();
    mkdirSync(folder);
    writeFileSync(join(folder, "config.json"), "{}");
    await saveWeights(folder, three, { maxShardSize: 6 });
    expect(readdirSync(folder)).toHaveLength(5);
    await saveWeights(folder, three, { maxShardSize: 12 });
    expect(readdirSync(folder).sort()).toEqual([
      "config.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
    await saveWeights(folder, three);
    expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors"]);
    await saveWeights(folder, three, { maxShardSize: 6 });
    expect(existsSync(join(folder, "model.safetensors"))).toBe(false);
    expect((await openWeights(folder)).size).toBe(3);
  });

  test.each<[string, unknown]>([
    ["a tensor of the wrong size", { ...small("b", 6), read: async () => new Uint8Array(5) }],
    ["a tensor that cannot be read", { ...small("b", 6), read: () => Promise.reject(new Error("gone")) }],
  ])("changes nothing when it fails at %s", async (_, bad) => {
    const folder = newFolder();
    await saveWeights(folder, [small("a", 3, 7)]);
    const before = readFileSync(join(folder, "model.safetensors"));
    await expect(saveWeights(folder, [small("a", 3), bad as never])).rejects.toThrow(/its read\(\) gave 5|gone/);
    expect(readdirSync(folder)).toEqual(["model.safetensors"]);
    expect(readFileSync(join(folder, "model.safetensors")).equals(before)).toBe(true);
  });
});

test.each<[string, object[], string]>([
  ["the same name twice", [small("a", 1), small("a", 1)], 'tensor "a" is given twice'],
  ["the format's own name", [small("__metadata__", 1)], "a name that the format keeps for itself"],
  ["an unknown dtype", [{ ...small("a", 1), dtype: "F31" }], 'tensor "a" is F31 [1]'],
  ["half a size", [{ ...small("a", 1), shape: [0.5] }], 'tensor "a" is U8 [0.5]'],
])("tensors with %s are refused before a file is made", async (_, tensors, message) => {
  const folder = newFolder();
  await expect(saveWeights(folder, tensors as never)).rejects.toThrow(message);
  expect(existsSync(folder)).toBe(false);
});

test("tensors of a device go to a file and come back, whole, by rows and in another dtype", async () => {
  const folder = newFolder();
  const x = Tensor.from([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const ids = Tensor.from(Int32Array.of(7, 8));
  await saveWeights(folder, [
    storedWeight("x", x),
    storedWeight("last", x, { rows: [1, 3] }),
    storedWeight("brief", x, { dtype: "bfloat16" }),
    storedWeight("brief.first", x, { dtype: "bfloat16", rows: [0, 1] }),
    storedWeight("ids", ids),
  ]);
  x.dispose();
  ids.dispose();

  const saved = await openWeights(folder);
  const values = async (name: string, dtype: "float32" | "int32" = "float32") => [
    ...(await read(() => loadStored(saved.get(name)!, { dtype }))),
  ];
  expect([...saved.values()].map(({ name, dtype, shape }) => `${name} ${dtype} ${shape}`)).toEqual([
    "last F32 2,2",
    "x F32 3,2",
    "ids I32 2",
    "brief BF16 3,2",
    "brief.first BF16 1,2",
  ]);
  expect(await values("x")).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await values("last")).toEqual([3, 4, 5, 6]);
  expect(await values("brief")).toEqual([1, 2, 3, 4, 5, 6]);
  expect(await values("brief.first")).toEqual([1, 2]);
  expect(await values("ids", "int32")).toEqual([7, 8]);
});
