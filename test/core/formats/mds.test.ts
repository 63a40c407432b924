import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MdsReader, MdsWriter, type MdsWriterOptions, mergeIndexes, openMds, readMdsIndex } from "@ettin/core";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";

const FIXTURES = join(ROOT, "test/fixtures/mds");
const TOKENS = { id: "str", input_ids: "ndarray:uint32" };
const root = temporaryFolder();
let made = 0;
const newFolder = (): string => join(root, String(made++));

async function open(folder: string, options = {}): Promise<MdsReader> {
  const reader = await openMds(folder, options);
  onTestFinished(() => reader.close());
  return reader;
}

/** Writes rows and returns the folder. */
async function written(options: MdsWriterOptions, rows: readonly Record<string, unknown>[]): Promise<string> {
  const writer = new MdsWriter(newFolder(), options);
  for (const row of rows) await writer.write(row);
  await writer.finish();
  return writer.folder;
}

/** Typed arrays as JSON writes them. */
const plain = (value: unknown): unknown => {
  if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array, (each) => plain(each));
  if (Array.isArray(value)) return value.map(plain);
  return typeof value === "bigint" ? Number(value) : value;
};
const plainRow = (row: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)]));

describe("a shard of one sample", () => {
  const rows = [{ id: "a", input_ids: Uint32Array.of(50281, 50282) }];

  test("has the bytes that the layout says", async () => {
    const folder = await written({ columns: TOKENS }, rows);
    const bytes = readFileSync(join(folder, "shard.00000.mds"));
    expect(bytes).toHaveLength(235);
    expect(bytes.readUInt32LE(0)).toBe(1);
    expect(bytes.readUInt32LE(4)).toBe(216); // 4 + 2 · 4 + 204 bytes of configuration
    expect(bytes.readUInt32LE(8)).toBe(235);
    expect(bytes.toString("utf8", 12, 216)).toBe(
      '{"column_encodings": ["str", "ndarray:uint32"], "column_names": ["id", "input_ids"], "column_sizes": [null, null], ' +
        '"compression": null, "format": "mds", "hashes": [], "size_limit": 67108864, "version": 2}',
    );
    // sizes 1 and 10, "a", one dimension of a byte (1 << 2 | 0), 2 ids, the ids
    expect(bytes.toString("hex", 216)).toBe("010000000a000000610402" + "69c40000" + "6ac40000");
  });

  test("stands in an index with sorted keys", async () => {
    const folder = await written({ columns: TOKENS }, rows);
    expect(readFileSync(join(folder, "index.json"), "utf8")).toBe(
      '{"shards": [{"column_encodings": ["str", "ndarray:uint32"], "column_names": ["id", "input_ids"], ' +
        '"column_sizes": [null, null], "compression": null, "format": "mds", "hashes": [], ' +
        '"raw_data": {"basename": "shard.00000.mds", "bytes": 235, "hashes": {}}, "samples": 1, "size_limit": 67108864, ' +
        '"version": 2, "zip_data": null}], "version": 2}',
    );
  });

  test.each([
    [255, "04ff"],
    [256, "050001"],
    [65535, "05ffff"],
    [65536, "0600000100"],
  ])("%d ids begin with %s", async (count, head) => {
    const folder = await written({ columns: TOKENS }, [{ id: "", input_ids: new Uint32Array(count) }]);
    const bytes = readFileSync(join(folder, "shard.00000.mds"));
    expect(bytes.toString("hex", 224, 224 + head.length / 2)).toBe(head);
    expect(bytes).toHaveLength(224 + head.length / 2 + 4 * count);
  });
});

describe("folders written in Python", () => {
  const { rows, shards } = JSON.parse(readFileSync(join(FIXTURES, "values.json"), "utf8")) as {
    rows: Record<string, Record<string, unknown>[]>;
    shards: number[];
  };

  test.each(["plain", "zstd", "gz", "merged"])("%s has the same rows", async (name) => {
    const reader = await open(join(FIXTURES, name));
    expect(reader.length).toBe(rows[name]!.length);
    expect([...reader].map(plainRow)).toEqual(rows[name]);
  });

  test("their shards are where Python began new ones", async () => {
    expect((await readMdsIndex(join(FIXTURES, "plain"))).length).toBe(shards[0]);
    expect(shards[0]).toBeGreaterThan(1);
    const again = await written({ columns: TOKENS, sizeLimit: 1000 }, [...(await open(join(FIXTURES, "zstd")))]);
    const samples = async (folder: string) => (await readMdsIndex(folder)).map((shard) => shard.samples);
    expect((await samples(again)).slice(1, -1)).toHaveLength(shards[1]! - 2);
  });

  test("the same rows give the same files", async () => {
    const folder = await written({ columns: TOKENS }, [...(await open(join(FIXTURES, "merged/b")))]);
    for (const file of ["index.json", "shard.00000.mds"]) {
      expect(readFileSync(join(folder, file)).equals(readFileSync(join(FIXTURES, "merged/b", file)))).toBe(true);
    }
  });

  test("hashes agree, and a byte that changed is found by them", async () => {
    const reader = await open(join(FIXTURES, "plain"), { verifyHashes: true });
    expect(() => [...reader]).not.toThrow();
    const none = await open(join(FIXTURES, "gz"), { verifyHashes: true });
    expect(() => none.row(0)).toThrow("is hashed not at all");
    const asIs = await open(join(FIXTURES, "gz")); // without hashes there is nothing to compare
    expect([...asIs]).toHaveLength(asIs.length);
  });

  test("the fingerprint tells values apart, with hashes and without", async () => {
    const prints = new Set<string>();
    for (const hashes of [[], ["sha1"]]) {
      for (const last of [7, 8, 7]) {
        const rows = Array.from({ length: 20 }, (_, i) => ({ ids: Uint32Array.of(i, 5, i === 19 ? last : 1) }));
        const folder = await written({ columns: { ids: "ndarray:uint32" }, hashes }, rows);
        prints.add((await open(folder)).fingerprint);
      }
    }
    expect(prints.size).toBe(4);
  });

  test("a byte that changed is found when its shard is first read, unless that is turned off", async () => {
    const rows = Array.from({ length: 4 }, (_, i) => ({ ids: Uint32Array.of(i, i, i) }));
    const options = { columns: { ids: "ndarray:uint32" }, hashes: ["sha1"], sizeLimit: 250 };
    const folder = await written(options, rows);
    const file = join(folder, "shard.00001.mds");
    const bytes = readFileSync(file);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(file, bytes);
    const reader = await open(folder);
    expect(plainRow(reader.row(0))).toEqual({ ids: [0, 0, 0] });
    expect(() => reader.row(-1)).toThrow(
      /shard\.00001\.mds has sha1 [0-9a-f]{40}, but the index says [0-9a-f]{40}\. The shard is damaged: .* verifyHashes: false/,
    );
    const asIs = await open(folder, { verifyHashes: false });
    expect(asIs.row(-1).ids).not.toEqual(rows[3]!.ids);
  });

  test("ids are typed arrays of their own", async () => {
    const reader = await open(join(FIXTURES, "merged"));
    const [first, again] = [reader.row(3), reader.row(3)];
    expect(first.input_ids).toBeInstanceOf(Uint32Array);
    (first.input_ids as Uint32Array).fill(0);
    expect(plainRow(again)).toEqual(rows.merged![3]);
    expect(plainRow(reader.row(-1))).toEqual(rows.merged!.at(-1));
    expect(reader.rows([2, 0]).map(plainRow)).toEqual([rows.merged![2], rows.merged![0]]);
  });
});

describe("encodings", () => {
  const roundTrip = async (encoding: string, value: unknown) => {
    const reader = await open(await written({ columns: { x: encoding } }, [{ x: value }]));
    return reader.row(0).x;
  };

  test.each<[string, unknown]>([
    ["str", "naïve 🙂"],
    ["str", "\ufffd"],
    ["bytes", Uint8Array.of(0, 255)],
    ["int", -(2 ** 40)],
    ["int64", 2n ** 62n],
    ["uint64", 2n ** 64n - 1n],
    ["float16", 1 / 3 - (1 / 3 - 0.333251953125)],
    ["float16", 6e-8 - (6e-8 - 2 ** -24)],
    ["float16", Number.NEGATIVE_INFINITY],
    ["float32", 0.5],
    ["float64", 0.1],
    ["str_int", 12345678901234567890n],
    ["str_float", 1e-7],
    ["str_float", Number.NaN],
    ["str_decimal", "1.10"],
    ["json", { a: [1, null] }],
    ["ndarray", Float64Array.of(0.1, 2)],
    ["ndarray", Int8Array.of(-1)],
    ["ndarray:float16", Float32Array.of(0.5, 65504)],
    ["ndarray:int64", Float64Array.of(1, -(2 ** 52))],
    ["ndarray:int64", BigInt64Array.of(2n ** 60n)],
    ["ndarray:uint8:2,2", [Uint8Array.of(1, 2), Uint8Array.of(3, 4)]],
  ])("%s keeps %o", async (encoding, value) => {
    expect(await roundTrip(encoding, value)).toEqual(value);
  });

  test("half precision rounds to even", async () => {
    expect(await roundTrip("float16", 1 + 2 ** -11)).toBe(1); // half way to 1 + 2^-10
    expect(await roundTrip("float16", 1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9);
    expect(await roundTrip("float16", 65519)).toBe(65504);
    expect(await roundTrip("float16", 65520)).toBe(Number.POSITIVE_INFINITY);
  });

  test.each<[string, unknown, string]>([
    ["str", 1, 'row 0: column "x" of str is a number, not a text'],
    ["str", undefined, 'row 0 has no "x"'],
    ["int8", 128, "is 128, but -128 to 127 fit"],
    ["int", 0.5, "is 0.5, not a whole number"],
    ["uint64", -1, "is -1, but 0 to"],
    ["ndarray:uint32", [1, -1], "holds -1 at place 1"],
    ["ndarray:uint32", [], "is an empty array"],
    ["ndarray", [1], "does not say which numbers"],
    ["ndarray:uint8:2,2", [1, 2, 3], "has shape [3], but [2, 2] is needed"],
    ["ndarray:uint8", [[1], [1, 2]], "rows of unequal lengths"],
    ["json", () => 1, "which JSON does not have"],
    ["str_decimal", "one", "not a decimal"],
  ])("%s refuses %o", async (encoding, value, message) => {
    await expect(roundTrip(encoding, value)).rejects.toThrow(message);
  });

  test.each([
    ["pkl", "a pickle, which can run any code"],
    ["jpeg", "a picture"],
    ["ndarray:complex64", "are known"],
    ["ndarray:uint8:0", "are known"],
  ])("%s is refused", (encoding, message) => {
    expect(() => new MdsWriter(newFolder(), { columns: { x: encoding } })).toThrow(message);
  });

  test("a column of the row that is none is named", async () => {
    const writer = new MdsWriter(newFolder(), { columns: { x: "str" } });
    await expect(writer.write({ x: "", y: 1 })).rejects.toThrow('row 0 has "y", which is no column. Columns are x.');
  });
});

describe("MdsWriter", () => {
  // a configuration of 154 bytes; each sample of "x" takes 4 + 6 bytes and 4 of offset
  const columns = { x: "str" };
  const rows = Array.from({ length: 5 }, (_, i) => ({ x: `row ${i}.`.slice(0, 6) }));
  const config = (limit: number) =>
    `{"column_encodings": ["str"], "column_names": ["x"], "column_sizes": [null], "compression": null, "format": "mds", "hashes": [], "size_limit": ${limit}, "version": 2}`;
  const limitFor = (samples: number) => {
    const guess = 8 + config(200).length + samples * 14;
    return guess;
  };

  test.each([
    [limitFor(2), [2, 2, 1]],
    [limitFor(2) - 1, [1, 1, 1, 1, 1]],
    [limitFor(2) + 13, [2, 2, 1]],
    [limitFor(5), [5]],
    [150, [1, 1, 1, 1, 1]], // a sample that is too large has a shard of its own
  ])("begins a new shard where the next sample would pass %d bytes", async (sizeLimit, samples) => {
    const folder = await written({ columns, sizeLimit }, rows);
    const shards = await readMdsIndex(folder);
    expect(shards.map((shard) => shard.samples)).toEqual(samples);
    expect(shards.map(({ rawData }) => rawData.basename)).toEqual(samples.map((_, i) => `shard.0000${i}.mds`));
    expect([...(await open(folder))]).toEqual(rows);
  });

  test("sorts columns by name, as Python does", async () => {
    const folder = await written({ columns: { b: "int", "🙂": "int", ﬀ: "int", a: "int" } }, [
      { a: 1, b: 2, "🙂": 3, ﬀ: 4 },
    ]);
    expect((await readMdsIndex(folder))[0]!.columnNames).toEqual(["a", "b", "ﬀ", "🙂"]); // U+FB00 before U+1F642
  });

  test.each(["gz", "br:5"])("%s shards read the same, with hashes of both files", async (compression) => {
    const folder = await written({ columns, compression, sizeLimit: limitFor(2), hashes: ["sha1"] }, rows);
    const names = readdirSync(folder).sort();
    expect(names).toContain(`shard.00000.mds.${compression.slice(0, 2)}`);
    expect(names).not.toContain("shard.00000.mds");
    const [shard] = await readMdsIndex(folder);
    expect([shard!.rawData.hashes.sha1, shard!.zipData!.hashes.sha1].map((each) => each?.length)).toEqual([40, 40]);
    expect([...(await open(folder, { verifyHashes: true, cacheBytes: 1 }))]).toEqual(rows);
  });

  test("zstd is written where Node can, and refused by name where it cannot", async () => {
    const can = "zstdCompressSync" in (await import("node:zlib"));
    if (can) expect([...(await open(await written({ columns, compression: "zstd:3" }, rows)))]).toEqual(rows);
    else expect(() => new MdsWriter(newFolder(), { columns, compression: "zstd" })).toThrow("22.15");
  });

  test("without finish() nothing is taken for a dataset, and the next writer begins anew", async () => {
    const writer = new MdsWriter(newFolder(), { columns, sizeLimit: 150 });
    for (const row of rows) await writer.write(row);
    expect(readdirSync(writer.folder)).toContain("shard.00003.mds");
    await expect(openMds(writer.folder)).rejects.toThrow("has no index.json");
    const next = new MdsWriter(writer.folder, { columns });
    expect(readdirSync(writer.folder)).toEqual([]);
    await next.write(rows[0]!);
    await next.finish();
    expect((await open(writer.folder)).length).toBe(1);
    expect(() => new MdsWriter(writer.folder, { columns })).toThrow("has a complete dataset already");
    await expect(next.write(rows[0]!)).rejects.toThrow("after finish()");
  });

  test.each<[Partial<MdsWriterOptions>, string]>([
    [{ columns: {} }, "columns are empty"],
    [{ compression: "bz2" }, "compression is"],
    [{ compression: "gz:fast" }, "compression is"],
    [{ hashes: ["xxh64"] }, 'hashes name "xxh64"'],
    [{ sizeLimit: "5GiB" }, "Stay below 4 GiB"],
    [{ sizeLimit: "much" }, 'sizeLimit is "much"'],
  ])("refuses %o", (options, message) => {
    expect(() => new MdsWriter(newFolder(), { columns, ...options })).toThrow(message);
  });

  test("no rows are a dataset of none", async () => {
    const reader = await open(await written({ columns }, []));
    expect([reader.length, [...reader]]).toEqual([0, []]);
    expect(() => reader.row(0)).toThrow("row 0 is not one of 0");
  });
});

describe("mergeIndexes", () => {
  test("joins subfolders, bottom up, under their names", async () => {
    const folder = newFolder();
    const part = async (name: string, ids: number[]) => {
      const writer = new MdsWriter(join(folder, name), { columns: { x: "int" } });
      for (const x of ids) await writer.write({ x });
      await writer.finish();
    };
    await part("web/00", [1, 2]);
    await part("web/01", [3]);
    await part("books", [4]);
    const shards = await mergeIndexes(folder);
    expect(shards.map(({ rawData }) => rawData.basename)).toEqual([
      "books/shard.00000.mds",
      "web/00/shard.00000.mds",
      "web/01/shard.00000.mds",
    ]);
    expect([...(await open(folder))]).toEqual([{ x: 4 }, { x: 1 }, { x: 2 }, { x: 3 }]);
    const chosen = await mergeIndexes(folder, ["web"]);
    expect(chosen).toHaveLength(2);
    expect((await open(folder)).length).toBe(3);
  });

  test("names a subfolder that is not complete, and one with other columns", async () => {
    const folder = newFolder();
    const writer = new MdsWriter(join(folder, "b"), { columns: { x: "int" } });
    await writer.write({ x: 1 });
    await writer.finish();
    const half = new MdsWriter(join(folder, "c"), { columns: { x: "int" }, sizeLimit: 1 });
    await half.write({ x: 1 });
    await half.write({ x: 1 });
    await expect(mergeIndexes(folder)).rejects.toThrow(`${join(folder, "c")} has shards but no index.json`);
    await half.finish();
    const other = new MdsWriter(join(folder, "d"), { columns: { y: "int" } });
    await other.write({ y: 1 });
    await other.finish();
    await expect(mergeIndexes(folder)).rejects.toThrow(`${join(folder, "d")} has columns y, but`);
    await expect(mergeIndexes(newFolderWith())).rejects.toThrow("has no MDS datasets in it");
  });

  const newFolderWith = () => {
    const { folder } = new MdsWriter(newFolder(), { columns: { x: "int" } });
    return folder;
  };
});
