import { concatenateDatasets, Dataset, numberOf, placeOfRow, requireColumns, textColumn, textOf } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { runChild } from "../../support/child.ts";

const letters = () => Dataset.fromRows([..."abcdef"].map((letter, i) => ({ letter, i })));
const lettersOf = (dataset: Dataset<{ letter: string }>) => [...dataset.column("letter")].join("");

describe("a dataset of rows", () => {
  test("gives every kind of value back", () => {
    const rows = [
      {
        text: "größer 🙂",
        n: 1,
        x: 0.1,
        yes: true,
        list: [1, 2],
        floats: [0.5],
        nested: { a: [null, "b"] },
        none: null,
      },
      { text: "", n: -(2 ** 40), x: Number.NaN, yes: false, list: [], floats: [], nested: "text", none: null },
      { text: null, n: null, x: null, yes: null, list: null, floats: null, nested: null, none: null },
    ];
    const dataset = Dataset.fromRows(rows as Record<string, unknown>[]);
    expect(dataset.features).toEqual({
      text: "string",
      n: "int64",
      x: "float64",
      yes: "bool",
      list: "list<int32>",
      floats: "list<float64>",
      nested: "json",
      none: "null",
    });
    const plain = [...dataset].map(({ list, floats, ...row }) => ({
      ...row,
      list: list && Array.from(list as Int32Array),
      floats: floats && Array.from(floats as Float64Array),
    }));
    expect(plain).toEqual(rows);
    expect(dataset.at(-1)).toEqual(dataset.at(2));
  });

  test("has the columns of all rows in order of appearance", () => {
    const dataset = Dataset.fromRows<Record<string, unknown>>([{ b: 1 }, { a: "x" }, { b: 3, a: "y" }]);
    expect(dataset.columnNames).toEqual(["b", "a"]);
    expect([...dataset]).toEqual([
      { b: 1, a: null },
      { b: null, a: "x" },
      { b: 3, a: "y" },
    ]);
  });

  test("keeps the types of typed arrays", () => {
    const dataset = Dataset.fromColumns({ a: Float32Array.of(0.5, 2), b: Uint16Array.of(1, 65535), c: ["x", "y"] });
    expect(dataset.features).toEqual({ a: "float32", b: "uint16", c: "string" });
    expect(dataset.at(1)).toEqual({ a: 2, b: 65535, c: "y" });
    expect(() => Dataset.fromColumns({ a: [1], b: [1, 2] })).toThrow('column "b" has 2 values, but "a" has 1');
  });

  test("is many parts when it is long, and finds every row", () => {
    const dataset = Dataset.fromColumns<{ i: number; text: string }>({
      i: Int32Array.from({ length: 20_001 }, (_, i) => i),
      text: Array.from({ length: 20_001 }, (_, i) => `row ${i}`),
    });
    for (const i of [0, 8191, 8192, 16_384, 20_000]) expect(dataset.at(i)).toEqual({ i, text: `row ${i}` });
  });

  test("refuses what it cannot store, and rows that it does not have", () => {
    expect(() => Dataset.fromRows([{ a: () => 1 }])).toThrow(
      '[Dataset.fromRows] column "a" has a value that cannot be stored',
    );
    expect(() => Dataset.fromRows([{ id: 2n ** 53n }])).toThrow("9007199254740992");
    expect(() => letters().at(6)).toThrow("[Dataset.at] row 6 of 6 was asked for");
    expect(() => letters().at(-7)).toThrow("row -7 of 6");
    expect(() => letters().column("x" as "i")).toThrow('there is no column "x". Columns are letter, i.');
  });
});

describe("views", () => {
  test("select, skip, take and shard show some rows", () => {
    expect(lettersOf(letters().select([5, 0, -2, 0]))).toBe("faea");
    expect(lettersOf(letters().skip(2).take(3))).toBe("cde");
    expect(lettersOf(letters().take(99))).toBe("abcdef");
    const four = [0, 1, 2, 3].map((index) => lettersOf(letters().shard({ numShards: 4, index })));
    expect(four).toEqual(["ab", "cd", "e", "f"]);
    expect(lettersOf(letters().shard({ numShards: 4, index: 1, contiguous: false }))).toBe("bf");
    expect(() => letters().select([6])).toThrow("row 6 of 6");
  });

  test("columns are chosen, removed and renamed, and rows of rows stay right", () => {
    const dataset = letters().select([3, 1]).renameColumns({ letter: "i", i: "letter" }).select([1, 0]);
    expect([...dataset]).toEqual([
      { i: "b", letter: 1 },
      { i: "d", letter: 3 },
    ]);
    expect(dataset.selectColumns(["letter"]).at(0)).toEqual({ letter: 1 });
    expect(letters().removeColumns(["i"]).columnNames).toEqual(["letter"]);
    expect(() => letters().renameColumn("letter", "i")).toThrow("two columns would be called i");
    expect(() => letters().renameColumn("x" as "i", "i")).toThrow('there is no column "x"');
  });

  test("trainTestSplit divides all rows, and refuses sizes that leave none", () => {
    const { train, test: held } = letters().trainTestSplit({ testSize: 2, seed: 1 });
    expect(held.length).toBe(2);
    expect([...lettersOf(train), ...lettersOf(held)].sort().join("")).toBe("abcdef");
    expect(letters().trainTestSplit({ testSize: 0.1 }).test.length).toBe(1); // ⌈0.6⌉
    expect(letters().trainTestSplit({ trainSize: 0.5 }).train.length).toBe(3);
    expect(() => letters().trainTestSplit({ testSize: 0.5, trainSize: 0.51 })).toThrow(
      "testSize 0.5 and trainSize 0.51 are more than 1 together",
    );
    for (const testSize of [0, 1.5, 6, -1]) {
      expect(() => letters().trainTestSplit({ testSize })).toThrow(`testSize is ${testSize} of 6 rows`);
    }
    expect(() => letters().trainTestSplit({ testSize: 4, trainSize: 3 })).toThrow(
      "6 rows cannot give 3 for training and 4",
    );
  });

  test("concatenated datasets follow each other, null where one has no such column", () => {
    const both = concatenateDatasets<Record<string, unknown>>([
      letters().take(1),
      Dataset.fromRows([{ i: 0.5, x: true }]),
    ]);
    expect([...both]).toEqual([
      { letter: "a", i: 0, x: null },
      { letter: null, i: 0.5, x: true },
    ]);
    expect(both.features).toEqual({ letter: "string", i: "float64", x: "bool" });
  });

  test("filter keeps the rows for which the function says so", () => {
    const even = letters().filter(({ i }) => i % 2 === 0);
    expect(lettersOf(even)).toBe("ace");
    expect(lettersOf(even.filter((_, row) => row > 0))).toBe("ce");
  });
});

describe("map", () => {
  test("adds and replaces columns", () => {
    const mapped = letters()
      .shuffle({ seed: 3 })
      .map(({ letter, i }) => ({ upper: letter.toUpperCase(), i: i + 10 }));
    expect(mapped.columnNames).toEqual(["letter", "i", "upper"]);
    for (const { letter, i, upper } of mapped) {
      expect(upper).toBe(letter.toUpperCase());
      expect(i).toBe("abcdef".indexOf(letter) + 10);
    }
  });

  test("leaves rows for which it gives nothing as they were, wherever they are", () => {
    const many = Dataset.fromRows(Array.from({ length: 2500 }, (_, i) => ({ i })));
    const mapped = many.map(
      ({ i }) => (i >= 1500 && i % 2 ? { i: -i, odd: true } : undefined) as { i: number; odd: boolean },
    );
    expect([0, 1, 1499, 1500, 1501, 2499].map((i) => mapped.at(i))).toEqual([
      { i: 0, odd: null },
      { i: 1, odd: null },
      { i: 1499, odd: null },
      { i: 1500, odd: null },
      { i: -1501, odd: true },
      { i: -2499, odd: true },
    ]);
  });

  test("of batches may change the number of rows when it leaves no old column", () => {
    const words = Dataset.fromRows([{ text: "a b" }, { text: "c" }, { text: "" }]);
    const mapped = words.map(({ text }) => ({ word: text.flatMap((each) => each.split(" ").filter(Boolean)) }), {
      batched: true,
      batchSize: 2,
      removeColumns: ["text"],
    });
    expect([...mapped.column("word")]).toEqual(["a", "b", "c"]);
    expect(() => words.map(() => ({ word: ["x"] }), { batched: true })).toThrow('gave 1 values of "word" for 3 rows');
  });

  test("refuses functions that give no row", () => {
    expect(() => letters().map((async () => ({})) as never)).toThrow("[Dataset.map] the function is asynchronous");
    expect(() => letters().map((() => 3) as never)).toThrow("the function gave 3 for row 0");
    expect(() => letters().map(() => ({}), { removeColumns: ["x"] })).toThrow("removeColumns names x");
  });

  test("sees the rows of a transform and stores them", () => {
    const shouted = letters().withTransform(({ letter }) => ({ loud: `${letter}!` }));
    expect(shouted.at(1)).toEqual({ loud: "b!" });
    const mapped = shouted.map(({ loud }) => ({ length: loud.length }));
    expect(mapped.at(1)).toEqual({ loud: "b!", length: 2 });
    expect([...shouted.skip(4)].map(({ loud }) => loud)).toEqual(["e!", "f!"]);
  });
});

describe("a fingerprint", () => {
  test("is equal for equal contents and what was done, and another for others", () => {
    const prints = [
      letters(),
      letters().shuffle({ seed: 1 }),
      letters().shuffle({ seed: 2 }),
      letters().take(3),
      letters().skip(3),
      letters().select([0, 1, 2]),
      letters().select([0, 2, 1]),
      letters().selectColumns(["i"]),
      letters().renameColumn("i", "j"),
      letters().filter(({ i }) => i > 1),
      letters().map(() => ({ x: 1 })),
      letters().map(() => ({ x: 2 })),
      letters().withTransform((row) => row),
      letters().trainTestSplit().test,
      letters().trainTestSplit({ testSize: 3 }).train,
      concatenateDatasets([letters(), letters()]),
    ].map((dataset) => dataset.fingerprint);
    expect(new Set(prints).size).toBe(prints.length);
    for (const print of prints) expect(print).toMatch(/^[0-9a-f]{16}$/);
    expect(letters().shuffle({ seed: 1 }).fingerprint).toBe(prints[1]);
    const factor = 1;
    expect(letters().map(() => ({ x: 3 - 2 * factor })).fingerprint).toBe(prints[10]); // what it made, not how
  });
});

describe("checks of rows", () => {
  const dataset = Dataset.fromRows([
    { text: "one", score: 0.5 },
    { text: " ", score: Number.NaN },
    { text: null, score: null },
  ]);
  test("name the row, through views and transforms", () => {
    const view = dataset.select([2, 1, 0]);
    expect(textOf("here", view.at(2), "text")).toBe("one");
    expect(() => textOf("here", view.at(1), "text")).toThrow('[here] "text" has no letters (" ") in row 2.');
    expect(() => textColumn("here", view.rows([2, 0]), "text")).toThrow('"text" is null, not a text in row 3');
    expect(() => numberOf("here", view.at(1), "score")).toThrow('[here] "score" is NaN in row 2');
    expect(() => numberOf("here", view.at(0), "score")).toThrow('"score" is null in row 3');
    const transformed = view.withTransform(({ score }) => ({ label: score }));
    expect(() => numberOf("here", transformed.at(1), "label")).toThrow("in row 2");
    expect(placeOfRow({ text: "x" })).toBe(null);
  });

  test("leave no trace on a row", () => {
    const row = dataset.at(0);
    expect(row).toStrictEqual({ text: "one", score: 0.5 });
    expect([Reflect.ownKeys(row), JSON.stringify(row)]).toEqual([["text", "score"], '{"text":"one","score":0.5}']);
  });

  test("say which columns there are, and the nearest", () => {
    requireColumns("here", dataset, ["text", "score"]);
    expect(() => requireColumns("here", dataset, ["text", "scores"])).toThrow(
      '[here] the dataset has no column "scores". Columns are text, score; the nearest is score.',
    );
  });
});

test("a dataset several times as large as the heap is made, shuffled and read", async () => {
  // 40,000 texts of 4 kB are 160 MB, in a heap of 80 MB
  const { stdout, stderr, code } = await runChild(
    `
    function* rows() { for (let i = 0; i < 40_000; i++) yield { i, text: String(i % 10).repeat(4000) }; }
    const dataset = core.Dataset.fromRows(rows()).shuffle({ seed: 1 });
    let sum = 0;
    for (const { i, text } of dataset) sum += text.length + (text[0] === String(i % 10) ? 0 : NaN);
    console.log(sum);`,
    { flags: ["--max-old-space-size=80"] },
  );
  expect({ stdout, stderr, code }).toMatchObject({ stdout: "160000000\n", code: 0 });
});

test.each<[string, () => unknown, string]>([
  [
    "shuffle",
    () => few().shuffle({ sed: 1 } as never),
    "[Dataset.shuffle] there is no option sed. The nearest is seed.",
  ],
  ["shuffle", () => few().shuffle(42 as never), "[Dataset.shuffle] the options are 42. Pass an object"],
  [
    "trainTestSplit",
    () => few().trainTestSplit({ test_size: 1 } as never),
    "no option test_size. The nearest is testSize.",
  ],
  ["fromRows", () => Dataset.fromRows([{ a: 1 }, 2] as never), "[Dataset.fromRows] row 1 is 2. Pass objects"],
  ["fromRows", () => Dataset.fromRows([["a"]] as never), "[Dataset.fromRows] row 0 is a list. Pass objects"],
])("%s refuses what it would pass over", (_, call, message) => {
  expect(call).toThrow(message);
});
const few = () => Dataset.fromRows([{ a: 1 }, { a: 2 }, { a: 3 }]);
