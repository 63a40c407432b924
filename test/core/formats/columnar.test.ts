import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadDataset, loadDatasetDict } from "@ettin/core";
import { parquetWriteFile } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";

const FILES = fileURLToPath(new URL("../../fixtures/data/files", import.meta.url));
const ROWS = JSON.parse(readFileSync(join(FILES, "rows.json"), "utf8")) as Record<string, unknown>[];
const folder = temporaryFolder();

/** Lists of numbers may be typed arrays. */
const plain = (value: unknown): unknown => {
  if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<number>);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
};

/** A file of the fixtures with something done to its bytes. */
function damaged(name: string, change: (bytes: Buffer) => Buffer): string {
  const file = join(folder, `${Math.random().toString(36).slice(2)}-${name}`);
  writeFileSync(file, change(readFileSync(join(FILES, name))));
  return file;
}

describe.each(["none", "snappy", "gzip", "brotli", "zstd", "lz4"])("Parquet, %s", (compression) => {
  test("has the rows that were written", async () => {
    const dataset = await loadDataset(join(FILES, `${compression}.parquet`));
    expect([...dataset].map(plain)).toEqual(ROWS);
  });
});

test("a row group of more rows than are read at once comes whole", async () => {
  const rows = 150_000;
  const file = join(folder, "long.parquet");
  const data = Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? null : i % 7 ? `text ${i}` : "often"));
  parquetWriteFile({
    filename: file,
    columnData: [
      { name: "i", data: Int32Array.from({ length: rows }, (_, i) => i), type: "INT32" },
      { name: "text", data, type: "STRING", nullable: true },
    ],
    rowGroupSize: rows,
  });
  const dataset = await loadDataset<{ i: number; text: string | null }>(file);
  expect(dataset.length).toBe(rows);
  let wrong = 0;
  for (const { i, text } of dataset) if (text !== data[i]) wrong++;
  expect(wrong).toBe(0);
  expect(dataset.at(-1).i).toBe(rows - 1);
});

describe.each(["stream.arrow", "file.arrow", "zstd.arrow"])("Arrow, %s", (name) => {
  test("has the rows that were written", async () => {
    const dataset = await loadDataset(join(FILES, name));
    expect([...dataset].map(plain)).toEqual(ROWS);
  });
});

test.each(["snappy.parquet", "stream.arrow"])("the types of %s are those of its columns", async (name) => {
  const { features } = await loadDataset(join(FILES, name));
  expect(features).toEqual({
    text: "string",
    id: expect.stringMatching(/^int(32|64)$/),
    score: "float64",
    label: "int32",
    flag: "bool",
    tokens: expect.stringMatching(/^list<int32>$/),
    tags: "json",
    meta: "json",
    weights: expect.stringMatching(/^list<float(32|64)>$/),
  });
});

test.each(["snappy.parquet", "file.arrow"])(
  "of %s only the columns asked for are read, in that order",
  async (name) => {
    const dataset = await loadDataset(join(FILES, name), { columns: ["label", "text"] });
    expect(dataset.columnNames).toEqual(["label", "text"]);
    expect(dataset.at(1)).toEqual({ label: 1, text: "zwei: größer" });
    await expect(loadDataset(join(FILES, name), { columns: ["txt"] })).rejects.toThrow(`${name} has no column "txt"`);
  },
);

test("what Python's datasets saved has its splits", async () => {
  const { train, test: held } = await loadDatasetDict(join(FILES, "saved"));
  expect([...train!]).toEqual(ROWS.slice(0, 3).map(({ text, label }) => ({ text, label })));
  expect([...held!.column("label")]).toEqual([0, 1]);
});

describe("a damaged file is an error that names it", () => {
  test.each([
    ["snappy.parquet", "cannot be read as Parquet"],
    ["gzip.parquet", "cannot be read as Parquet"],
    ["file.arrow", "cannot be read as Arrow IPC"],
    ["stream.arrow", "cannot be read as Arrow IPC"],
  ])("%s, cut off", async (name, message) => {
    const file = damaged(name, (bytes) => bytes.subarray(0, bytes.length - 700));
    await expect(loadDataset(file)).rejects.toThrow(message);
    await expect(loadDataset(file)).rejects.toThrow(name);
  });

  test.each(["snappy.parquet", "zstd.parquet", "gzip.parquet", "file.arrow", "stream.arrow", "zstd.arrow"])(
    "%s with any byte changed never ends the process, and an error says what cannot be read",
    async (name) => {
      const bytes = readFileSync(join(FILES, name));
      for (let at = 0; at < bytes.length; at += 37) {
        const file = damaged(name, (whole) => {
          const changed = Buffer.from(whole);
          changed[at] = changed[at]! ^ 0xff;
          return changed;
        });
        const error = await loadDataset(file).then(
          (dataset) => void [...dataset],
          (reason) => reason,
        );
        if (error)
          expect(String(error), `byte ${at}`).toMatch(
            /^EngineError: \[loadDataset\] .*(cannot be read as|which no number)/s,
          );
      }
    },
  );

  test("an empty one too", async () => {
    const file = damaged("snappy.parquet", () => Buffer.alloc(0));
    await expect(loadDataset(file)).rejects.toThrow("cannot be read as Parquet");
  });
});

test("numbers that JavaScript cannot hold are refused by column, not rounded", async () => {
  const file = damaged("none.parquet", (bytes) => {
    const ids = Buffer.alloc(16);
    ids.writeBigInt64LE(0n, 0);
    ids.writeBigInt64LE(1n, 8);
    for (let at = bytes.indexOf(ids); at >= 0; at = bytes.indexOf(ids, at + 8)) {
      bytes.writeBigInt64LE(2n ** 60n + 1n, at + 8);
    }
    return bytes;
  });
  await expect(loadDataset(file, { columns: ["id"] })).rejects.toThrow(
    'column "id" has 1152921504606846977 (row 2 of its part), which no number of JavaScript holds. Leave the column out',
  );
});
