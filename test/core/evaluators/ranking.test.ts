import {
  DocumentRanking,
  dotScore as dot,
  packVectors,
  type Ranking,
  RetrievalTask,
  rankingMetrics,
  TopRanked,
  tiedAveragePrecision,
  tiedNdcg,
} from "@ettin/core";
import { describe, expect, test } from "vitest";

const cuts = { accuracyAtK: [1, 3], precisionRecallAtK: [3], mrrAtK: [3], ndcgAtK: [3], mapAtK: [3] };

describe("metrics of rankings", () => {
  // Of the reference: documents d3, d1, d2, d4; equal scores of d1 and d2.
  const scores = [
    [0.9, 0.8, 0.8, 0.1],
    [0.2, 0.3, 0.3, 0.9],
  ];
  const task = new RetrievalTask("test", {
    queries: { q1: "one", q2: "two", q3: "three" },
    corpus: { d3: "a", d1: "b", d2: "c", d4: "d" },
    relevantDocs: { q1: ["d1", "d4"], q2: new Set(["d2"]), q3: [] },
  });
  const expected = {
    "accuracy@1": 0,
    "accuracy@3": 1,
    "precision@3": 1 / 3,
    "recall@3": 0.75,
    "ndcg@3": 0.443426,
    "mrr@3": 0.416667,
    "map@3": 0.291667,
  };

  test("the corpus is in the order of its ids, and queries without a relevant document are left out", () => {
    expect(task.corpusIds).toEqual(["d1", "d2", "d3", "d4"]);
    expect(task.corpus).toEqual(["b", "c", "a", "d"]);
    expect(task.queries).toEqual(["one", "two"]);
  });

  test("are the reference's; equal scores rank by id", async () => {
    // One-hot documents: their scores are the queries' numbers.
    const order = [1, 2, 0, 3]; // columns of d1, d2, d3, d4
    const queries = packVectors(
      "test",
      scores.map((row) => Float32Array.from(order, (column) => row[column]!)),
    );
    const oneHot = (row: number) => Float32Array.from([0, 1, 2, 3], (i) => Number(i === row));
    const ranking = new DocumentRanking(queries, "dot", 3);
    await ranking.add(packVectors("test", [0, 1, 2].map(oneHot)));
    await ranking.add(packVectors("test", [oneHot(3)]));
    const found = rankingMetrics(task.rankings(ranking.top), cuts);
    expect(Object.keys(found)).toEqual(Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) expect(found[name], name).toBeCloseTo(value, 5);
    expect(JSON.parse(task.predictions(ranking.top).split("\n")[0]!)).toMatchObject({
      query_id: "q1",
      query: "one",
      results: [{ corpus_id: "d3" }, { corpus_id: "d1" }, { corpus_id: "d2" }],
    });
  });

  test("documents that are relevant and not in the corpus count as not found", () => {
    const absent = new RetrievalTask("test", {
      queries: new Map([["q", "x"]]),
      corpus: new Map([["d", "y"]]),
      relevantDocs: { q: ["d", "e"] },
    });
    const top = new TopRanked(1);
    top.add(Float32Array.of(1), Int32Array.of(0), 0);
    const [ranking] = absent.rankings([top]) as [Ranking];
    expect(ranking).toEqual({ hits: [true], relevant: 2 });
    expect(rankingMetrics([ranking])["recall@1"]).toBe(0.5);
  });

  test("say what is wrong with the data", () => {
    const data = { queries: { q: "x" }, corpus: { d: "y" }, relevantDocs: { other: ["d"] } };
    expect(() => new RetrievalTask("Here", data)).toThrow("[Here] none of 1 queries has a document in relevantDocs.");
    expect(() => rankingMetrics([{ hits: [], relevant: 0 }])).toThrow("query 0 has 0 relevant documents");
    expect(() => rankingMetrics([{ hits: [true], relevant: 1 }], { mrrAtK: [0] })).toThrow("mrrAtK has 0");
  });
});

describe("the best of chunks", () => {
  test("are those of the whole, equal scores by the lower row, however it is cut", async () => {
    const count = 40;
    // Few different values, so that there are many equal scores.
    const documents = Array.from({ length: count }, (_, i) => Float32Array.of(((i * 7) % 5) - 2, ((i * 3) % 4) - 1));
    const query = Float32Array.of(1, 0.5);
    const score = (i: number) => documents[i]![0]! + 0.5 * documents[i]![1]!;
    const expected = Array.from(documents.keys()).sort((a, b) => score(b) - score(a) || a - b);
    const asFunction = (a: Parameters<typeof dot>[0], b: Parameters<typeof dot>[0]) => dot(a, b);
    for (const size of [1, 7, 16, 40]) {
      for (const by of ["dot", asFunction] as const) {
        const ranking = new DocumentRanking(packVectors("test", [query]), by, 12);
        for (let first = 0; first < count; first += size) {
          await ranking.add(packVectors("test", documents.slice(first, first + size)));
        }
        expect([...ranking.top[0]!.rows]).toEqual(expected.slice(0, 12));
        expect([...ranking.top[0]!.scores]).toEqual(expected.slice(0, 12).map(score));
      }
    }
  });

  test("fewer than asked for are all there are", async () => {
    const ranking = new DocumentRanking(packVectors("test", [Float32Array.of(1)]), "cosine", 5);
    await ranking.add(packVectors("test", [Float32Array.of(-2), Float32Array.of(3)]));
    expect(ranking.top[0]!.length).toBe(2);
    expect([...ranking.top[0]!.rows.subarray(0, 2)]).toEqual([1, 0]);
    const other = packVectors("test", [Float32Array.of(1, 2)]);
    await expect(ranking.add(other)).rejects.toThrow("queries have 1 numbers, documents 2");
  });
});

describe("ranking with equal scores", () => {
  const [relevance, scores] = [
    [1, 0, 1, 0, 0],
    [0.9, 0.5, 0.5, 0.5, 0.1],
  ];

  test("nDCG shares the ranks of equal scores, and average precision takes them together", () => {
    expect(tiedNdcg(relevance, scores, 3)).toBeCloseTo(0.844289327, 8);
    expect(tiedAveragePrecision(relevance, scores)).toBeCloseTo(0.75, 12);
  });

  test("nothing relevant is 0, and a score that is no number an error", () => {
    expect(tiedNdcg([0, 0], [1, 2], 3)).toBe(0);
    expect(tiedAveragePrecision([0, 0], [1, 2])).toBe(0);
    expect(() => tiedNdcg([1, 0], [1, Number.NaN], 3)).toThrow("score 1 is NaN");
  });
});
