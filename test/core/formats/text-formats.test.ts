import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { concatenateDatasets, type Dataset, type LoadDatasetOptions, loadDataset } from "@ettin/core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";

const FILES = fileURLToPath(new URL("../../fixtures/data/files", import.meta.url));
const root = temporaryFolder();
let folders = 0;

function write(name: string, content: string | Buffer): string {
  const folder = join(root, String(folders++));
  mkdirSync(folder);
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}
const load = async (name: string, content: string | Buffer, options?: LoadDatasetOptions) =>
  loadDataset(write(name, content), options);
const rows = async (name: string, content: string | Buffer, options?: LoadDatasetOptions) => [
  ...(await load(name, content, options)),
];

afterEach(() => vi.restoreAllMocks());

describe("JSON lines", () => {
  test("become rows whose columns are those of all lines, null where a line has none", async () => {
    const dataset = await load("a.jsonl", '{"a": 1, "b": "x"}\n\n{"b": "ü🙂", "c": [1, 2]}\r\n{"a": 2.5}');
    expect(dataset.features).toEqual({ a: "float64", b: "string", c: "list<int64>" });
    expect([...dataset]).toEqual([
      { a: 1, b: "x", c: null },
      { a: null, b: "ü🙂", c: [1, 2] },
      { a: 2.5, b: null, c: null },
    ]);
    expect([0, 1, 2].map((i) => dataset.place(i))).toEqual(["a.jsonl, line 1", "a.jsonl, line 3", "a.jsonl, line 4"]);
  });

  test("are the same packed by gzip or by Zstandard, also in several frames", async () => {
    const plain = '{"a": "one"}\n{"a": "two"}\n';
    expect(await rows("a.jsonl.gz", gzipSync(plain))).toEqual([{ a: "one" }, { a: "two" }]);
    const twice = Buffer.concat([gzipSync(plain), gzipSync('{"a": "three"}')]);
    expect(await rows("a.jsonl.gz", twice)).toEqual([{ a: "one" }, { a: "two" }, { a: "three" }]);
    const zst = await loadDataset(join(FILES, "rows.jsonl.zst"));
    expect([...zst.column("text")]).toEqual(["one", "zwei: größer", null, "", "四 🙂"]);
  });

  test("longer than what is read at once are whole, read in order and out of order", async () => {
    const texts = [3_000_000, 10, 1_500_000, 0, 300_000].map((length, i) => String(i).repeat(length));
    const dataset = await load("a.jsonl", texts.map((text) => JSON.stringify({ text })).join("\n"));
    expect([...dataset.column("text")]).toEqual(texts);
    expect([4, 0, 3, 1, 2].map((i) => dataset.at(i).text)).toEqual([4, 0, 3, 1, 2].map((i) => texts[i]));
  });

  test("begin after a byte order mark", async () => {
    expect(await rows("a.jsonl", '\ufeff{"a": 1}\n')).toEqual([{ a: 1 }]);
  });

  test.each([
    ['{"a": 1}\n{"a": \n', "a.jsonl, line 2 is not JSON"],
    ['{"a": 1}\n\n{"a": NaN}\n', "a.jsonl, line 3 has NaN, which is not JSON"],
    ["[1, 2]\n", "a.jsonl, line 1 is an array, not an object with columns"],
    ['"text"\n', 'a.jsonl, line 1 is "text", not an object with columns'],
    [Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), "a.jsonl, line 1 is not text in UTF-8"],
  ])("that cannot be read are an error with file and line: %s", async (content, message) => {
    await expect(load("a.jsonl", content)).rejects.toThrow(`[loadDataset] ${message}`);
  });

  test("that cannot be read are left out on request, and a warning says how many", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const content = '{"a": 1}\n{"a": \n{"a": 3}\n[]\n';
    const dataset = await load("a.jsonl", content, { onBadRow: "skip" });
    expect([...dataset.column("a")]).toEqual([1, 3]);
    expect(dataset.place(1)).toBe("a.jsonl, line 3");
    expect(warn.mock.calls[0]![0]).toMatch(
      /^2 of 4 rows of a\.jsonl were left out; the first: a\.jsonl, line 2 is not/,
    );
  });

  test("that change while they are in use are an error, and never other rows", async () => {
    const file = write("a.jsonl", '{"a": 1}\n{"a": 2}\n');
    const dataset = await loadDataset(file);
    writeFileSync(file, '{"a": 100}\n{"a": 200}\n');
    expect(() => dataset.at(1)).toThrow("a.jsonl has changed since it was loaded");
  });

  test("of more files than are kept open are read in any order", async () => {
    const files = Array.from({ length: 100 }, (_, i) => write(`${i}.jsonl`, `{"i": ${i}}\n{"i": ${i + 100}}\n`));
    const datasets: Dataset[] = [];
    for (const file of files) datasets.push(await loadDataset(file));
    for (const row of [0, 1, 0])
      for (const [i, each] of datasets.entries()) expect(each.at(row)).toEqual({ i: i + 100 * row });
    const all = concatenateDatasets(datasets).shuffle({ seed: 1 });
    expect([...all.column("i")].sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 200 }, (_, i) => i),
    );
  });

  test("may have columns that objects have anyway", async () => {
    const content = '{"constructor": "x", "toString": 1}\n{"a": 1, "__proto__": {"b": 2}}\n';
    const dataset = await load("a.jsonl", content);
    expect(dataset.at(0).constructor).toBe("x");
    expect(dataset.at(1).toString).toBe(null);
    expect(({} as Record<string, unknown>).b).toBe(undefined);
  });
});

describe("a packed file that is cut off or no such file", () => {
  const packed = gzipSync(Buffer.from('{"a": 1}\n'.repeat(10_000)));
  test.each([
    ["a.jsonl.gz", packed.subarray(0, packed.length - 9)],
    ["a.jsonl.gz", Buffer.from('{"a": 1}\n')],
    ["a.jsonl.zst", Buffer.from('{"a": 1}\n{"a": 1}\n{"a": 1}\n')],
    ["a.csv.gz", packed.subarray(0, 50)],
  ])("%s is an error that names it", async (name, content) => {
    await expect(load(name, content)).rejects.toThrow(`[loadDataset] ${name} cannot be unpacked`);
  });

  test("Zstandard that is cut off", async () => {
    const { readFileSync } = await import("node:fs");
    const whole = readFileSync(join(FILES, "rows.jsonl.zst"));
    for (const length of [whole.length - 1, 60, 20, 5]) {
      await expect(load("a.jsonl.zst", whole.subarray(0, length))).rejects.toThrow(/a\.jsonl\.zst/);
    }
  });

  test("Zstandard that wants more memory than is reasonable", async () => {
    // magic, no flags, a window of 2^(10 + 21) bytes
    const content = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0, 0, 0, 0]);
    await expect(load("a.jsonl.zst", content)).rejects.toThrow(
      "its window of 2147483648 bytes is larger than 134217728",
    );
  });
});

describe("a JSON file", () => {
  test.each([
    ["an array of objects", '[ {"a": "[1, \\"]"},\n {"a": "2"} ]\n'],
    ["objects on lines", '{"a": "[1, \\"]"}\n{"a": "2"}'],
    ["columns", '{\n "a": ["[1, \\"]", "2"]\n}'],
  ])("may be %s", async (_, content) => {
    expect(await rows("a.json", content)).toEqual([{ a: '[1, "]' }, { a: "2" }]);
  });

  test("may have its rows in a field", async () => {
    const content = '{"version": 1, "data": {"train": [{"a": 1}, {"a": 2}]}}';
    expect(await rows("a.json", content, { field: "data.train" })).toEqual([{ a: 1 }, { a: 2 }]);
    await expect(load("a.json", content, { field: "rows" })).rejects.toThrow(
      'a.json has no field "rows". There is: version, data.',
    );
  });

  test("whose array is larger than what is read at once has all its items", async () => {
    const items = Array.from({ length: 30_000 }, (_, i) => ({ i, text: "x".repeat(100), list: [{ i }, "]"] }));
    const dataset = await load("a.json", JSON.stringify(items));
    expect(dataset.length).toBe(30_000);
    expect(dataset.at(29_999)).toEqual(items[29_999]);
  });

  test.each([
    ['[{"a": 1},\n{"a": 2}', "a.json: it ends on line 2, inside of the array"],
    ['[{"a": 1},\n,{"a": 2}]', "a.json: line 2 has a comma without an item"],
    ['[{"a": 1},\n]', "a.json: line 2 has a comma without an item"],
    ['[{"a": 1}]\n]', "a.json: line 2 has text outside of the array"],
    ['[{"a": 1},\n{"a": tru}]', "a.json, line 2 is not JSON"],
    ['[{"a": 1},\n 7]', "a.json, line 2 is 7, not an object with columns"],
    ['{\n "a": [1, 2\n}', "a.json is not JSON"],
  ])("that cannot be read is an error with file and line: %s", async (content, message) => {
    await expect(load("a.json", content)).rejects.toThrow(message);
  });

  test("that is empty has no rows", async () => {
    expect(await rows("a.json", "[]")).toEqual([]);
    expect(await rows("a.json", "")).toEqual([]);
  });
});

describe("CSV", () => {
  test("columns are numbers or booleans where all values are", async () => {
    const content =
      'text,n,x,yes,id,big\n"a, ""b""\nc",1,1.5,true,007,1\nd,-2,,False,08,9007199254740993\n,3,nan,,9,2\n';
    const dataset = await load("a.csv", content);
    expect(dataset.features).toEqual({
      text: "string",
      n: "int32",
      x: "float64",
      yes: "bool",
      id: "string",
      big: "string",
    });
    expect([...dataset]).toEqual([
      { text: 'a, "b"\nc', n: 1, x: 1.5, yes: true, id: "007", big: "1" },
      { text: "d", n: -2, x: null, yes: false, id: "08", big: "9007199254740993" },
      { text: null, n: 3, x: Number.NaN, yes: null, id: "9", big: "2" },
    ]);
    expect(dataset.place(1)).toBe("a.csv, row 2");
  });

  test("of tabs, without a first line of names, with quotes as letters", async () => {
    const options = { columnNames: ["a", "b"], quote: null };
    expect(await rows("a.tsv", 'he said "no\t1\n"x\t2\n', options)).toEqual([
      { a: 'he said "no', b: 1 },
      { a: '"x', b: 2 },
    ]);
    expect(await rows("a.csv", "a;b\n1;2", { delimiter: ";" })).toEqual([{ a: 1, b: 2 }]);
  });

  test("of many rows comes whole, also packed", async () => {
    const content = `i,text\n${Array.from({ length: 50_000 }, (_, i) => `${i},row ${i}`).join("\n")}\n`;
    for (const dataset of [await load("a.csv", content), await load("a.csv.gz", gzipSync(content))]) {
      expect(dataset.length).toBe(50_000);
      expect(dataset.at(-1)).toEqual({ i: 49_999, text: "row 49999" });
    }
  });

  test.each([
    ["a,b\n1,2\n3\n", /a\.csv: Invalid Record Length: expect 2, got 1 on line 3/],
    ["a,b\n1,2\n3,4,5\n", /a\.csv: Invalid Record Length: expect 2, got 3 on line 3/],
    ['a,b\n1,"2\n', /a\.csv: Quote Not Closed: the parsing is finished with an opening quote at line 2/],
    ["a,a\n1,2\n", /a\.csv has two columns "a"/],
    ["", /a\.csv is empty/],
  ])("that is ragged or wrong is an error with the line: %s", async (content, message) => {
    await expect(load("a.csv", content)).rejects.toThrow(message);
  });

  test("rows of another length are left out on request, and counted", async () => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    expect(await rows("a.csv", "a,b\n1,2\n3\n4,5\n6,7,8\n", { onBadRow: "skip" })).toEqual([
      { a: 1, b: 2 },
      { a: 4, b: 5 },
    ]);
    expect(warn.mock.calls[0]![0]).toMatch(/^2 of 4 rows of a\.csv were left out/);
  });
});

describe("text", () => {
  const content = "one\r\ntwo\n\nthree\n\n\nfour\n";
  test("has a row for every line", async () => {
    const texts = ["one", "two", "", "three", "", "", "four"];
    expect(await rows("a.txt", content)).toEqual(texts.map((text) => ({ text })));
    expect(await rows("a.txt", "a\nb", { keepLinebreaks: true })).toEqual([{ text: "a\n" }, { text: "b\n" }]);
  });

  test("or for every paragraph, cut at each pair of line ends", async () => {
    const texts = ["one\ntwo", "three", "\nfour\n"]; // as Python's "…".split("\n\n"), empty ones left out
    expect(await rows("a.txt", content.replace("\r", ""), { sampleBy: "paragraph" })).toEqual(
      texts.map((text) => ({ text })),
    );
    const dataset = await load("a.txt", "a\r\nb\r\n\r\nc", { sampleBy: "paragraph" });
    expect([...dataset.column("text")]).toEqual(["a\nb", "c"]);
    expect(dataset.place(1)).toBe("a.txt, line 4");
  });

  test("or is one row", async () => {
    expect(await rows("a.txt", content, { sampleBy: "document" })).toEqual([{ text: content.replace("\r", "") }]);
  });
});
