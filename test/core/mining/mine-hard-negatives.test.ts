import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Dataset, type MiningProgress, type MiningSummary, mineHardNegatives, miningSummaryText } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { crossEncoder, embeddingOf, fixture, optionsOf, pairs, StubEncoder } from "./fixture.ts";

const folder = temporaryFolder();

/** Numbers to six digits: sums are made in another order. */
const rounded = (value: unknown): unknown => {
  if (typeof value === "number") return expect.closeTo(value, 5);
  return Array.isArray(value) ? value.map(rounded) : value;
};

describe("mineHardNegatives gives the rows of Sentence Transformers", () => {
  test.each(fixture.mined.map(({ options, ...expected }) => [JSON.stringify(options), options, expected] as const))(
    "with %s",
    async (_, options, expected) => {
      const mined = await mineHardNegatives(optionsOf(options));
      expect(mined.columnNames).toEqual(expected.columns);
      const rows = [...mined].map((row) =>
        Object.values(row).map((value) => (ArrayBuffer.isView(value) ? Array.from(value as Float64Array) : value)),
      );
      expect(rows).toEqual(rounded(expected.rows));
    },
  );
});

describe("random sampling", () => {
  const mine = (seed: number) =>
    mineHardNegatives({
      ...{ dataset: pairs(), model: new StubEncoder(), corpus: fixture.corpus, rangeMin: 2, rangeMax: 20 },
      ...{ samplingStrategy: "random", seed, outputFormat: "labeled-list", outputScores: true },
    });
  test("draws from the window, the same for one seed, and keeps the order of scores", async () => {
    const [first, again, other] = await Promise.all([mine(1), mine(1), mine(2)]);
    expect([...again]).toEqual([...first]);
    expect([...other]).not.toEqual([...first]);
    const window = await mineHardNegatives({
      ...{ dataset: pairs(), model: new StubEncoder(), corpus: fixture.corpus, rangeMin: 2, rangeMax: 20 },
      ...{ numNegatives: 18, outputFormat: "labeled-list" },
    });
    const allowed = new Map([...window].map((row) => [String(row.anchor), new Set(row.positive as string[])]));
    for (const row of first) {
      const texts = row.positive as string[];
      expect(texts).toHaveLength(4);
      for (const text of texts.slice(1)) expect(allowed.get(String(row.anchor))!.has(text)).toBe(true);
      const scores = Array.from(row.scores as Float64Array).slice(1);
      expect(scores).toEqual([...scores].sort((a, b) => b - a));
    }
  });
});

test("anchors and texts are encoded once, as queries and documents, with their prompts", async () => {
  const model = new StubEncoder();
  await mineHardNegatives({
    ...{ dataset: pairs(), model, corpus: fixture.corpus, batchSize: 7 },
    ...{ queryPrompt: "query: ", corpusPromptName: "passage" },
  });
  expect(model.calls.map(({ of, texts, options }) => [of, texts.length, new Set(texts).size, options])).toEqual([
    ["document", 51, 51, { batchSize: 7, normalizeEmbeddings: true, promptName: "passage" }],
    ["query", 20, 20, { batchSize: 7, normalizeEmbeddings: true, prompt: "query: " }],
  ]);
});

test("embeddings may be given: they are those of the rows and of the corpus", async () => {
  const given = await mineHardNegatives({
    dataset: pairs(),
    corpus: fixture.corpus,
    precomputed: {
      anchors: fixture.pairs.map(([anchor]) => embeddingOf(anchor)),
      positives: fixture.pairs.map(([, positive]) => embeddingOf(positive)),
      corpus: fixture.corpus.map(embeddingOf),
    },
  });
  const made = await mineHardNegatives({ dataset: pairs(), corpus: fixture.corpus, model: new StubEncoder() });
  expect([...given]).toEqual([...made]);
  await expect(mineHardNegatives({ dataset: pairs(), precomputed: { anchors: [], positives: [] } })).rejects.toThrow(
    "[mineHardNegatives] precomputed.anchors has 0 embeddings for 25 texts",
  );
});

test("a folder keeps embeddings for the next run, by model, prompt and texts", async () => {
  const cacheFolder = join(folder, "cache");
  const notices: string[] = [];
  const run = async (model: StubEncoder, options = {}) => {
    const mined = await mineHardNegatives({
      ...{ dataset: pairs(), model, cacheFolder, onNotice: (notice: string) => notices.push(notice) },
      ...options,
    });
    return { rows: [...mined], texts: model.calls.filter(({ texts }) => texts.length > 1).length };
  };
  const first = await run(new StubEncoder());
  expect(first.texts).toBe(2);
  const again = await run(new StubEncoder());
  expect(again).toEqual({ rows: first.rows, texts: 0 });
  expect(notices.filter((notice) => notice.includes("come from"))).toHaveLength(2);
  expect((await run(new StubEncoder(), { queryPrompt: "q: " })).texts).toBe(1);
  const files = readdirSync(cacheFolder);
  expect(files.map((name) => name.replace(/[0-9a-f]{64}/, "…")).sort()).toEqual([
    "corpus_embeddings_….npy",
    "query_embeddings_….npy",
    "query_embeddings_….npy",
  ]);
  writeFileSync(join(cacheFolder, files.find((name) => name.startsWith("corpus"))!), "not NumPy's");
  await expect(run(new StubEncoder())).rejects.toThrow(/corpus_embeddings_.*\.npy is no \.npy file\. Delete it/);
});

test("progress, notices and a summary are told, and nothing is printed", async () => {
  const progress: MiningProgress[] = [];
  const notices: string[] = [];
  let summary: MiningSummary | null = null;
  const mined = await mineHardNegatives({
    ...{ dataset: pairs(), model: new StubEncoder(), corpus: fixture.corpus, maxScore: 0.8, relativeMargin: 0.3 },
    ...{ outputScores: true, outputFormat: "triplet" },
    onProgress: (step) => progress.push(step),
    onNotice: (notice) => notices.push(notice),
    onSummary: (found) => {
      summary = found;
    },
  });
  expect(new Set(progress.map(({ stage }) => stage))).toEqual(
    new Set(["encoding the corpus", "encoding the anchors", "searching", "choosing"]),
  );
  expect(progress.at(-1)).toEqual({ stage: "choosing", done: 20, total: 20 });
  expect(notices).toEqual(["rangeMax is 33, by the other options.", "25 rows have 20 different anchors."]);
  const { rows, possible, missing, positive, negative, difference, dropped, candidates } = summary!;
  expect([rows, possible, missing]).toEqual([mined.length, 72, 72 - mined.length]); // 24 different pairs
  expect([positive!.count, negative!.count, candidates]).toEqual([24, mined.length, 20 * 36]);
  const scores = [...mined].map((row) => Array.from(row.scores as Float64Array));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(negative!.mean).toBeCloseTo(mean(scores.map(([, score]) => score!)), 6);
  expect(difference!.min).toBeCloseTo(Math.min(...scores.map(([a, b]) => a! - b!)), 6);
  expect(dropped.relativeMargin).toBeGreaterThan(0);
  expect(miningSummaryText(summary!)).toMatch(/^Score +positive +negative +difference\nCount +24 /);
});

describe("what cannot be mined is refused", () => {
  const refused = (options: object, message: string | RegExp) =>
    expect(mineHardNegatives({ dataset: pairs(), model: new StubEncoder(), ...options })).rejects.toThrow(message);
  test("an empty dataset, one column, null cells", async () => {
    await refused({ dataset: Dataset.fromRows([]) }, "[mineHardNegatives] the dataset is empty");
    await refused({ dataset: Dataset.fromRows([{ a: "x" }]) }, "the dataset has 1 column");
    const rows = [
      { anchor: "anchor 1", positive: "text 1" },
      { anchor: "anchor 2", positive: null },
    ];
    await refused({ dataset: Dataset.fromRows(rows) }, 'row 2 has null for "positive"');
    await refused({ anchorColumnName: "query" }, 'there is no column "query". Columns are anchor, positive.');
  });
  test("windows that hold too few", async () => {
    await refused({ numNegatives: 0 }, "numNegatives is 0");
    await refused({ rangeMin: 5, rangeMax: 5 }, "rangeMin is 5 and rangeMax 5");
    await refused({ rangeMin: -1 }, "rangeMin is -1");
    await refused({ rangeMin: 2, rangeMax: 4 }, "numNegatives is 3, but 2 candidates are left after the first 2 of 4");
  });
  test("limits that are no numbers, and a corpus that is no list", async () => {
    for (const name of ["absoluteMargin", "relativeMargin", "maxScore", "minScore"]) {
      await refused({ [name]: null }, `[mineHardNegatives] ${name} is null. Use a number, or leave it out.`);
      await refused({ [name]: Number.NaN }, `${name} is NaN`);
      await refused({ [name]: "0.1" }, `${name} is "0.1"`);
    }
    await refused({ corpus: "text 1" }, '[mineHardNegatives] the corpus is "text 1". Pass a list of texts.');
    await refused({ corpus: null }, "the corpus is null");
  });
  test("options that are not there, with what to use", async () => {
    await refused({ useFaiss: true }, "there is no option useFaiss. The search is exact and native");
    await refused({ margin: 1 }, "Use absoluteMargin or relativeMargin");
    await refused({ numNegative: 1 }, "The nearest is numNegatives.");
    await refused({ outputFormat: "tuple" }, 'outputFormat is "tuple". Use triplet, n-tuple');
  });
  test("embeddings that are not numbers, and scores that are not as many as pairs", async () => {
    const model = new StubEncoder();
    model.encodeDocument = async (texts) =>
      texts.map((text) =>
        embeddingOf(text).map((x, d) => (text === "text 4" && d === 5 ? Number.POSITIVE_INFINITY : x)),
      );
    await refused({ model }, 'the embedding of "text 4" has numbers that are not finite');
    await refused(
      { crossEncoder: { predict: async () => [1] }, maxScore: 0.5 },
      /the cross-encoder gave 1 scores for \d+ pairs/,
    );
  });
  test("a signal stops it", async () => {
    const controller = new AbortController();
    controller.abort(new Error("enough"));
    await refused({ signal: controller.signal, crossEncoder }, "enough");
  });
});
