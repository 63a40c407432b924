import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type ColumnsCollatorOptions,
  columnsCollator,
  Dataset,
  loadDataset,
  MultiDataset,
  type Row,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { BPE, open } from "../../support/tokenizers.ts";

const at = { seed: 0, epoch: 0, step: 0, firstSequence: 0 };

/** One id for each word: its number of letters. */
const lengths: ColumnsCollatorOptions["tokenizer"] = {
  encodeBatch: async (texts) => {
    const ids = texts.map((text) => text.split(" ").map((word) => word.length));
    const offsets = Int32Array.from([0, ...ids.map(() => 0)]);
    ids.forEach((each, i) => {
      offsets[i + 1] = offsets[i]! + each.length;
    });
    return { tokens: Int32Array.from(ids.flat()), offsets };
  },
};

const collate = (rows: readonly Row[], options: Partial<ColumnsCollatorOptions> = {}) =>
  columnsCollator({ tokenizer: lengths, ...options })(rows, at);

const pairs = Dataset.fromRows([
  { anchor: "a bb", positive: "ccc", label: 1 },
  { anchor: "dddd", positive: "e f g", label: 0 },
]);

describe("columns", () => {
  test("are texts in the dataset's order, packed column after column, and labels", async () => {
    const batch = await collate(pairs.rows([0, 1]));
    expect(batch).toEqual({
      tokens: Int32Array.of(1, 2, 4, 3, 1, 1, 1),
      offsets: Int32Array.of(0, 2, 3, 4, 7),
      columns: [2, 2],
      names: ["anchor", "positive"],
      texts: [
        ["a bb", "dddd"],
        ["ccc", "e f g"],
      ],
      labels: { values: Int32Array.of(1, 0), shape: [2] },
      datasetName: null,
      tokenCount: 7,
      sequenceCount: 4,
    });
  });

  test.each([
    [{ text: "a", score: 0.5, label: 2 }, ["text", "score"], "score"],
    [{ text: "a", scores: 0.5, labels: 2 }, ["text", "scores"], "scores"],
  ])("of several label names the first in their order counts: %j", async (row, _, notText) => {
    await expect(collate(Dataset.fromRows([row]).rows([0]))).rejects.toThrow(`"${notText}" is 0.5, not a text`);
  });

  test("labels of a column of fractions are float32, whatever a batch has", async () => {
    const dataset = Dataset.fromRows([
      { text: "a", score: 1 },
      { text: "b", score: 0.5 },
    ]);
    const features = () => dataset.features;
    const batch = await collate(dataset.rows([0]), { features });
    expect(batch.labels).toEqual({ values: Float32Array.of(1), shape: [1] });
  });

  test("labels may be lists", async () => {
    const rows = Dataset.fromRows([
      { text: "a", label: [1, 0.5] },
      { text: "b", label: [2, 3] },
    ]).rows([0, 1]);
    expect((await collate(rows)).labels).toEqual({ values: Float32Array.of(1, 0.5, 2, 3), shape: [2, 2] });
  });

  test("labels may be lists of lists: one for each column", async () => {
    const teachers = Dataset.fromRows([
      {
        text: "a",
        label: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      },
      {
        text: "b",
        label: [
          [7, 8, 9],
          [10, 11, 0.5],
        ],
      },
    ]);
    const { labels } = await collate(teachers.rows([0, 1]), { features: () => teachers.features });
    expect(labels).toEqual({ values: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0.5), shape: [2, 2, 3] });
  });

  test("labels may be infinite", async () => {
    const rows = (label: unknown) => Dataset.fromRows([{ text: "a", label }]).rows([0]);
    const { NEGATIVE_INFINITY: low, POSITIVE_INFINITY: high } = Number;
    expect((await collate(rows([1, low]))).labels).toEqual({ values: Float32Array.of(1, low), shape: [1, 2] });
    expect((await collate(rows(high))).labels).toEqual({ values: Float32Array.of(high), shape: [1] });
  });

  test("are encoded by one call, cut to the length that holds at the time", async () => {
    const tokenizer = await open(BPE);
    let [calls, limit] = [0, 6];
    const encodeBatch: typeof tokenizer.encodeBatch = (...args) => {
      calls++;
      return tokenizer.encodeBatch(...args);
    };
    const run = columnsCollator({ tokenizer: { encodeBatch }, maxLength: () => limit });
    const rows = Dataset.fromRows([{ a: "one two three four five", b: "six" }]).rows([0]);
    const longest = async () => {
      const { offsets } = await run(rows, at);
      return offsets[1]!;
    };
    expect(await longest()).toBe(6);
    limit = 4;
    expect(await longest()).toBe(4);
    expect(calls).toBe(2);
  });
});

describe("prompts", () => {
  const texts = async (prompts: ColumnsCollatorOptions["prompts"], rows: readonly Row[] = pairs.rows([0])) =>
    (await collate(rows, { prompts: prompts ?? null })).texts.map(([text]) => text);
  const named = new MultiDataset({ nli: pairs, qa: Dataset.fromRows([{ q: "x", a: "y" }]) });

  test("go before all columns, by column, by dataset, or by both", async () => {
    expect(await texts("p: ")).toEqual(["p: a bb", "p: ccc"]);
    expect(await texts({ positive: "p: " })).toEqual(["a bb", "p: ccc"]);
    expect(await texts({ nli: "n: ", q: "q: " }, named.rows([0]))).toEqual(["n: a bb", "n: ccc"]);
    expect(await texts({ nli: "n: ", q: "q: " }, named.rows([2]))).toEqual(["q: x", "y"]);
    expect(await texts({ qa: { a: "a: " } }, named.rows([2]))).toEqual(["x", "a: y"]);
    expect(await texts({ qa: { a: "a: " } }, named.rows([0]))).toEqual(["a bb", "ccc"]);
  });

  test("by column count in every dataset without prompts of its own", async () => {
    const prompts = { anchor: "all: ", qa: { a: "a: " } };
    expect(await texts(prompts, named.rows([0]))).toEqual(["all: a bb", "ccc"]);
    expect(await texts(prompts, named.rows([2]))).toEqual(["x", "a: y"]);
  });

  test("by dataset need datasets with names", async () => {
    await expect(texts({ nli: { anchor: "x" } })).rejects.toThrow("there is one dataset, without a name");
  });

  test("that pooling leaves out say where each text begins", async () => {
    const options = { prompts: { anchor: "p q: " }, promptLength: (prompt: string) => prompt.trim().split(" ").length };
    const { starts, offsets } = await collate(pairs.rows([0, 1]), options);
    expect([...offsets]).toEqual([0, 4, 7, 8, 11]);
    expect([...starts!]).toEqual([2, 6, 7, 8]);
    expect(await collate(pairs.rows([0]), { ...options, prompts: null })).not.toHaveProperty("starts");
  });
});

describe("what is wrong with rows", () => {
  const root = temporaryFolder();

  test.each([
    ['{"a": "x", "b": null}', '"b" is null, not a text'],
    ['{"a": "x", "b": "  "}', '"b" has no letters ("  ")'],
    ['{"a": "x", "b": ["y", "z"]}', '"b" is a list, not a text'],
    ['{"a": "x"}', '"b" is null, not a text'],
    ['{"a": "x", "b": "y", "label": null}', '"label" is null'],
    ['{"a": "x", "b": "y", "label": "no"}', '"label" is "no"'],
  ])("%s is an error that names file and line", async (line, message) => {
    const file = join(root, `${Buffer.from(line).toString("hex").slice(0, 60)}.jsonl`);
    await writeFile(file, `{"a": "x", "b": "y", "label": 1}\n${line}\n`);
    const rows = (await loadDataset(file)).rows([0, 1]);
    const error: Error = await Promise.resolve(collate(rows)).then(
      () => expect.fail("no error"),
      (failure) => failure,
    );
    expect(error.message).toContain(message);
    expect(error.message).toContain(".jsonl, line 2");
  });

  test("lists of labels of two lengths", async () => {
    const rows = Dataset.fromRows([
      { a: "x", label: [1, 2] },
      { a: "x", label: [1] },
    ]).rows([0, 1]);
    await expect(collate(rows)).rejects.toThrow('"label" has 1 numbers in row 2, but 2 in row 1');
  });
});

test.each<[unknown, unknown, string]>([
  [
    [
      [1, 2],
      [3, 4],
    ],
    [[1, 2], [3]],
    '"label"[1] has 1 numbers in row 2, but 2 in row 1',
  ],
  [[[1, 2]], [1], '"label"[0] has no list in row 2, but 2 in row 1'],
  [[1, 2], [1, [2]], '"label"[1] is a list in row 2'],
  [[1, 2], [1, null], '"label"[1] is null in row 2'],
  [[1, 2], [1, Number.NaN], '"label"[1] is NaN in row 2'],
  [1, Number.NaN, '"label" is NaN in row 2'],
  [1, [1], '"label" is a list in row 2'],
])("labels %j and %j are no batch", async (one, two, message) => {
  const rows = Dataset.fromRows([
    { a: "x", label: one },
    { a: "x", label: two },
  ]).rows([0, 1]);
  await expect(collate(rows)).rejects.toThrow(message);
});

describe("what is wrong with columns", () => {
  const notices = async (row: Row): Promise<string[]> => {
    const found: string[] = [];
    const run = columnsCollator({ tokenizer: lengths, onNotice: (notice) => found.push(notice) });
    for (let i = 0; i < 2; i++) await run([row], at);
    return found;
  };

  test("names in an unusual place and ids are told once", async () => {
    expect(await notices({ positive: "x", anchor: "y" })).toEqual([
      'Column "anchor" is number 2, where a column of this name is usually number 1. Losses go by the order of the columns ' +
        'and not by their names: if it is a mistake, use dataset.selectColumns(["anchor","positive"]).',
    ]);
    expect(await notices({ anchor: "x", passage_id: "7" })).toEqual([
      "Column passage_id may hold ids, but training reads every column but the labels as text: leave it out with " +
        "dataset.removeColumns, or put the texts in place of the ids.",
    ]);
    expect(await notices({ query: "x", response: "y" })).toEqual([]);
  });

  test("reserved names and nothing but labels are errors", async () => {
    await expect(collate([{ dataset_name: "x" }])).rejects.toThrow("a column is called dataset_name, a reserved name");
    await expect(collate([{ label: 1 }])).rejects.toThrow("of the columns label none has texts");
    await expect(collate([])).rejects.toThrow("a batch has no rows");
  });
});
