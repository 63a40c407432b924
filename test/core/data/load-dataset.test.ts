import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  type Dataset,
  type LoadDatasetOptions,
  loadDataset,
  loadDatasetDict,
  MdsWriter,
  snapshotDownload,
} from "@ettin/core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { startHub, TOKEN } from "../../support/hub-server.ts";

const root = temporaryFolder();
let folders = 0;

/** Files by path, each with one row that says its path. */
function tree(...paths: string[]): string {
  const folder = join(root, String(folders++));
  for (const path of paths) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), contentOf(path));
  }
  return folder;
}
const contentOf = (path: string) => (path.endsWith(".csv") ? `from\n${path}\n` : `{"from": ${JSON.stringify(path)}}\n`);
const from = (dataset: Dataset) => [...dataset.column("from")].join(" ");
const splits = async (source: string, options?: LoadDatasetOptions) =>
  Object.fromEntries(Object.entries(await loadDatasetDict(source, options)).map(([name, each]) => [name, from(each)]));

describe("a folder", () => {
  test.each<[string, string[], Record<string, string>]>([
    [
      "files with names of splits",
      ["train.jsonl", "x-valid.jsonl", "test_1.jsonl"],
      { train: "train.jsonl", validation: "x-valid.jsonl", test: "test_1.jsonl" },
    ],
    [
      "folders with names of splits",
      ["dev/a.jsonl", "training/b.jsonl", "training/test.jsonl"],
      { train: "training/b.jsonl training/test.jsonl", validation: "dev/a.jsonl" },
    ],
    [
      "shards in data/",
      [
        "data/train-00000-of-00002.jsonl",
        "data/train-00001-of-00002.jsonl",
        "data/extra-00000-of-00001.jsonl",
        "test.jsonl",
      ],
      {
        train: "data/train-00000-of-00002.jsonl data/train-00001-of-00002.jsonl",
        extra: "data/extra-00000-of-00001.jsonl",
      },
    ],
    ["files of no split", ["b.jsonl", "a.jsonl", "sub/c.jsonl"], { train: "a.jsonl b.jsonl sub/c.jsonl" }],
    ["words that only contain one", ["trainer.jsonl", "latest.jsonl"], { train: "latest.jsonl trainer.jsonl" }],
    [
      "hidden files and notes",
      [".train.jsonl", "__old__/a.jsonl", "dataset_info.json", "a.jsonl"],
      { train: "a.jsonl" },
    ],
    ["several formats: the most frequent one", ["a.csv", "b.jsonl", "c.jsonl"], { train: "b.jsonl c.jsonl" }],
  ])("%s", async (_, paths, expected) => {
    const loaded = await splits(tree(...paths));
    expect(loaded).toEqual(expected);
    expect(Object.keys(loaded)).toEqual(Object.keys(expected));
  });

  test("of several splits is loaded by split, or in parts of them", async () => {
    const folder = join(root, String(folders++));
    mkdirSync(folder);
    const lines = (n: number, name: string) =>
      Array.from({ length: n }, (_, i) => `{"from": "${name}${i}"}\n`).join("");
    writeFileSync(join(folder, "train.jsonl"), lines(10, "a"));
    writeFileSync(join(folder, "test.jsonl"), lines(3, "b"));
    const load = async (split: string) => from(await loadDataset(folder, { split }));
    expect(await load("test")).toBe("b0 b1 b2");
    expect(await load("train[2:4]")).toBe("a2 a3");
    expect(await load("train[-2:]")).toBe("a8 a9");
    expect(await load("train[:15%]+test[1:]")).toBe("a0 a1 b1 b2"); // 1.5 rows are 2
    expect(await load("train[25%:35%]")).toBe("a2 a3"); // 2.5 are 2, 3.5 are 4
    expect(await load("train[8:99]")).toBe("a8 a9");
    expect(await load("train[5:2]")).toBe("");
    await expect(loadDataset(folder)).rejects.toThrow(/has the splits train, test\. Choose one, as in split: "train"/);
    await expect(load("validation")).rejects.toThrow('has no split "validation". It has train, test.');
    await expect(load("train[2")).rejects.toThrow('[loadDataset] split is "train[2"');
  });

  test("shows the files that are named", async () => {
    const folder = tree("one/a.jsonl", "one/b.jsonl", "two/c.jsonl", "d.txt");
    expect(await splits(folder, { dataFiles: "one/*.jsonl" })).toEqual({ train: "one/a.jsonl one/b.jsonl" });
    expect(await splits(folder, { dataFiles: { x: ["two/c.jsonl"], y: "one/b.jsonl" } })).toEqual({
      x: "two/c.jsonl",
      y: "one/b.jsonl",
    });
    expect(await splits(folder, { name: "two" })).toEqual({ train: "two/c.jsonl" });
    expect(await splits(folder, { format: "jsonl", dataFiles: "d.txt" })).toEqual({ train: "d.txt" });
    await expect(loadDataset(folder, { name: "three" })).rejects.toThrow(
      'has no part "three". Its folders are one, two.',
    );
    await expect(loadDataset(folder, { dataFiles: "*.csv" })).rejects.toThrow('has no file that matches "*.csv"');
    await expect(loadDataset(tree("a.bin"))).rejects.toThrow("has no files of a known format");
  });
});

describe("MDS shards", () => {
  test("are rows like others, also in folders of splits", async () => {
    const folder = join(root, String(folders++));
    for (const [split, count] of [
      ["train", 5],
      ["validation", 2],
    ] as const) {
      const writer = new MdsWriter(join(folder, split), { columns: { text: "str", ids: "ndarray:uint32", n: "int" } });
      for (let n = 0; n < count; n++) await writer.write({ text: `${split} ${n}`, ids: Uint32Array.of(n, 7), n });
      await writer.finish();
    }
    const { train, validation } = await loadDatasetDict<{ text: string; ids: Uint32Array; n: number }>(folder);
    expect([...validation!.column("text")]).toEqual(["validation 0", "validation 1"]);
    expect(train!.features).toEqual({ ids: "list<uint32>", n: "int64", text: "string" });
    expect(
      train!
        .shuffle({ seed: 1 })
        .filter(({ n }) => n === 3)
        .at(0),
    ).toEqual({
      ids: Uint32Array.of(3, 7),
      n: 3,
      text: "train 3",
    });
    expect(train!.place(4)).toBe("train, sample 5");
    const alone = await loadDataset(join(folder, "train"), { columns: ["text"] });
    expect(alone.at(1)).toEqual({ text: "train 1" });
  });
});

describe("a path", () => {
  test("may be a file or a pattern", async () => {
    const folder = tree("a.jsonl", "b.jsonl", "sub/c.jsonl");
    expect(from(await loadDataset(join(folder, "b.jsonl")))).toBe("b.jsonl");
    expect(from(await loadDataset(join(folder, "*.jsonl")))).toBe("a.jsonl b.jsonl");
    expect(from(await loadDataset(join(folder, "**.jsonl")))).toBe("a.jsonl b.jsonl sub/c.jsonl");
    await expect(loadDataset(join(folder, "*.csv"))).rejects.toThrow(/no file matches .*\*\.csv/);
    const nobody = { endpoint: "http://127.0.0.1:1", cacheDir: join(root, "empty") };
    await expect(loadDataset("train.jsonl", nobody)).rejects.toThrow(
      "there is no file or folder train.jsonl, and it is no",
    );
    await expect(loadDataset("data/set", nobody)).rejects.toThrow(
      "[loadDataset] there is no file or folder data/set here, and data/set could not be asked for",
    );
    await expect(loadDataset(join(folder, "x.jsonl"))).rejects.toThrow(/there is no file or folder .*x\.jsonl/);
  });

  test.each<[unknown, object, string]>([
    [5, {}, "the source is 5. Pass a path"],
    [["a.jsonl", "b.jsonl"], {}, 'the source is a list. Pass a path, a pattern such as "data/*.jsonl"'],
    ["", {}, 'the source is ""'],
    ["x", { splt: "train" }, "there is no option splt. The nearest is split."],
    ["x", { data_files: "*" }, "there is no option data_files. The nearest is dataFiles."],
    ["x", { streaming: true }, "there is no option streaming. Rows are read when they are asked for; leave it out."],
    ["x", { onBadRow: "ignore" }, 'onBadRow is "ignore". Use one of error, skip.'],
    ["x", { sampleBy: "word" }, 'sampleBy is "word". Use one of line, paragraph, document.'],
    ["x", { format: "xml" }, 'format is "xml". Use one of jsonl, json, csv'],
  ])("%j with %j is an error before anything is looked for", async (source, options, message) => {
    await expect(loadDataset(source as string, options)).rejects.toThrow(`[loadDataset] ${message}`);
  });

  test("and a split are not for loadDatasetDict", async () => {
    await expect(loadDatasetDict("x", { split: "train" } as never)).rejects.toThrow(
      "Call loadDataset, or leave it out.",
    );
  });

  test("of a file of no known format is an error, unless the format is given", async () => {
    const folder = tree("rows.data");
    await expect(loadDataset(join(folder, "rows.data"))).rejects.toThrow("rows.data is of no known format");
    expect(from(await loadDataset(join(folder, "rows.data"), { format: "jsonl" }))).toBe("rows.data");
  });

  test("chooses columns, and names the file that does not have one", async () => {
    const folder = join(root, String(folders++));
    mkdirSync(folder);
    writeFileSync(join(folder, "a.jsonl"), '{"a": 1, "b": 2, "c": 3}\n');
    expect((await loadDataset(join(folder, "a.jsonl"), { columns: ["c", "a"] })).columnNames).toEqual(["c", "a"]);
    await expect(loadDataset(join(folder, "a.jsonl"), { columns: ["d"] })).rejects.toThrow(
      /there is no column "d" in .*a\.jsonl\. Columns are a, b, c\./,
    );
  });

  test("has the same fingerprint wherever the file lies, and another for other contents", async () => {
    const [here, there, other] = [tree("a.jsonl"), tree("a.jsonl"), tree("b.jsonl")];
    const print = async (folder: string) => (await loadDataset(folder)).fingerprint;
    expect(await print(here)).toBe(await print(there));
    expect(await print(here)).not.toBe(await print(other));
  });

  test("stops when it is told to", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(loadDataset(tree("a.jsonl"), { signal })).rejects.toThrow("enough");
  });
});

describe("a dataset on the hub", async () => {
  const hub = await startHub();
  let options: LoadDatasetOptions = {};
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (/^(HF|HUGGING)/.test(name)) vi.stubEnv(name, undefined);
    vi.stubEnv("HF_HOME", join(root, "home"));
    options = { endpoint: hub.endpoint, cacheDir: join(root, `cache-${folders++}`) };
    hub.repos.clear();
    hub.seen.length = 0;
  });
  afterEach(() => vi.unstubAllEnvs());
  const add = (...paths: string[]) =>
    hub.add(
      "o/n",
      Object.fromEntries([...paths.map((path) => [path, contentOf(path)]), ["README.md", "# n"], ["x.bin", "x"]]),
    );

  test("comes with the files of the split alone", async () => {
    add("data/train-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl");
    expect(from(await loadDataset("o/n", { ...options, split: "test" }))).toBe("data/test-00000-of-00001.jsonl");
    expect(hub.requests().filter((request) => request.includes("/resolve/"))).toEqual([
      expect.stringMatching(/README\.md$/),
      expect.stringMatching(/GET hub \/datasets\/o\/n\/resolve\/.*\/data\/test-00000-of-00001\.jsonl/),
    ]);
    expect(Object.keys(await loadDatasetDict("o/n", options))).toEqual(["train", "test"]);
  });

  test("has parts by name", async () => {
    add("pair/train-00000-of-00001.jsonl", "triplet/train-00000-of-00001.jsonl", "triplet/dev-00000-of-00001.jsonl");
    expect(await splits("o/n", { ...options, name: "triplet" })).toEqual({
      train: "triplet/train-00000-of-00001.jsonl",
      validation: "triplet/dev-00000-of-00001.jsonl",
    });
  });

  test("has the parts and files that its README declares", async () => {
    const readme = [
      "---",
      "license: apache-2.0",
      'pretty_name: "a: b"',
      "dataset_info:",
      "- config_name: pair",
      "  features: []",
      "configs:",
      "- config_name: pair # two texts",
      "  data_files:",
      "  - split: train",
      "    path: pair/part-*",
      "  - split: test",
      "    path:",
      "    - pair/held.jsonl",
      "    - 'more/*.jsonl'",
      "- config_name: all",
      "  default: true",
      '  data_files: "**/part-1.jsonl"',
      "- config_name: folder",
      "  data_dir: more",
      "tags:",
      "- x",
      "---",
      "# Text",
      "configs:",
    ];
    const paths = ["pair/part-0.jsonl", "pair/part-1.jsonl", "pair/held.jsonl", "more/x.jsonl", "more/test-y.jsonl"];
    const files = Object.fromEntries(paths.map((path) => [path, contentOf(path)]));
    hub.add("o/n", { ...files, "README.md": readme.join("\n") });
    expect(await splits("o/n", { ...options, name: "pair" })).toEqual({
      train: "pair/part-0.jsonl pair/part-1.jsonl",
      test: "pair/held.jsonl more/test-y.jsonl more/x.jsonl",
    });
    expect(await splits("o/n", options)).toEqual({ train: "pair/part-1.jsonl" });
    expect(await splits("o/n", { ...options, name: "folder" })).toEqual({ test: "more/test-y.jsonl" });
    await expect(loadDataset("o/n", { ...options, name: "x" })).rejects.toThrow(
      'o/n has no part "x". It has pair, all, folder.',
    );
    hub.add("o/two", { ...files, "README.md": readme.join("\n").replace("  default: true\n", "") });
    await expect(loadDataset("o/two", options)).rejects.toThrow(
      'o/two has the parts pair, all, folder. Choose one, as in name: "pair".',
    );
  });

  test("whose README declares files in a way that is not read here goes by names", async () => {
    const readme = "---\nconfigs:\n- {config_name: x, data_files: a.jsonl}\n---\n";
    hub.add("o/n", { "train.jsonl": contentOf("train.jsonl"), "README.md": readme });
    expect(await splits("o/n", options)).toEqual({ train: "train.jsonl" });
  });

  test("is read from the cache when there is no network", async () => {
    add("a.jsonl");
    await loadDataset("o/n", options);
    expect(from(await loadDataset("o/n", { ...options, localFilesOnly: true }))).toBe("a.jsonl");
  });

  test("is an error offline where the cache has a part of it", async () => {
    add("train-0.jsonl", "train-1.jsonl");
    await snapshotDownload("o/n", { ...options, repoType: "dataset", ignorePatterns: ["train-1*"] });
    await expect(loadDataset("o/n", { ...options, localFilesOnly: true })).rejects.toMatchObject({
      code: "offline",
      what: expect.stringContaining("train-1.jsonl of o/n"),
    });
  });

  test("that is private needs a token, and one that is not there is an error", async () => {
    hub.add("o/p", { "a.jsonl": contentOf("a.jsonl") }, { access: "private" });
    expect(from(await loadDataset("o/p", { ...options, token: TOKEN }))).toBe("a.jsonl");
    await expect(loadDataset("o/none", options)).rejects.toThrow("o/none");
  });
});
