import { communityDetection, cosSim, paraphraseMining, paraphraseMiningEmbeddings, semanticSearch } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { arrays, fixture } from "./fixture.ts";

const [plain, grouped, queries] = [fixture.plain, fixture.grouped, fixture.queries].map(arrays) as [
  Float32Array[],
  Float32Array[],
  Float32Array[],
];

describe("semanticSearch", () => {
  const cases = {
    cosine: { topK: 5 },
    dot: { topK: 5, scoreFunction: "dot" },
    chunked: { topK: 7, queryChunkSize: 3, corpusChunkSize: 11 },
  } as const;
  test.each(Object.entries(cases))("%s: the hits of Sentence Transformers", async (name, options) => {
    const hits = await semanticSearch(queries, plain, options);
    expect(hits).toEqual(
      fixture.search[name]!.map((each) =>
        each.map(({ corpus_id, score }) => ({ corpusId: corpus_id, score: expect.closeTo(score, 5) })),
      ),
    );
  });
  test("a function of tensors scores as well, and a query may be alone", async () => {
    const [hits] = await semanticSearch(queries[1]!, plain, { scoreFunction: cosSim, topK: 50 });
    const [right] = await semanticSearch([queries[1]!], plain, { topK: 50 });
    expect(hits).toHaveLength(40);
    expect(hits!.map(({ corpusId }) => corpusId)).toEqual(right!.map(({ corpusId }) => corpusId));
  });
  test("euclidean and manhattan rank by distance", async () => {
    for (const [scoreFunction, distance] of [
      ["euclidean", (a: Float32Array, b: Float32Array) => Math.hypot(...a.map((x, d) => x - b[d]!))],
      ["manhattan", (a: Float32Array, b: Float32Array) => a.reduce((sum, x, d) => sum + Math.abs(x - b[d]!), 0)],
    ] as const) {
      const [hits] = await semanticSearch(queries[2]!, plain, { scoreFunction, topK: 4 });
      const right = plain.map((x, corpusId) => ({ corpusId, score: -distance(queries[2]!, x) }));
      right.sort((a, b) => b.score - a.score);
      expect(hits).toEqual(
        right.slice(0, 4).map(({ corpusId, score }) => ({ corpusId, score: expect.closeTo(score, 4) })),
      );
    }
  });
  test("nothing is found among nothing, and lengths are compared", async () => {
    expect(await semanticSearch(queries, [])).toEqual([[], [], [], []]);
    expect(await semanticSearch([], plain)).toEqual([]);
    await expect(semanticSearch([new Float32Array(3)], plain)).rejects.toThrow(
      "[semanticSearch] queries have 3 numbers, but the corpus 8",
    );
    await expect(semanticSearch(queries, plain, { topK: 0 })).rejects.toThrow("[semanticSearch] topK is 0");
    for (const name of ["queryChunkSize", "corpusChunkSize"]) {
      await expect(semanticSearch(queries, plain, { [name]: 0 })).rejects.toThrow(`[semanticSearch] ${name} is 0`);
      await expect(semanticSearch(queries, plain, { [name]: 0.5 })).rejects.toThrow(`[semanticSearch] ${name} is 0.5`);
    }
  });
});

describe("paraphraseMining", () => {
  const cases = {
    topK3: { topK: 3 },
    maxPairs: { maxPairs: 50 },
    chunked: { queryChunkSize: 9, corpusChunkSize: 13, topK: 2 },
  };
  test.each(Object.entries(cases))("%s: the pairs of Sentence Transformers", async (name, options) => {
    const found = await paraphraseMiningEmbeddings(plain, options);
    expect(found.map(([, i, j]) => [i, j])).toEqual(fixture.paraphrases[name]!.map(([, i, j]) => [i, j]));
    found.forEach(([score], at) => {
      expect(score).toBeCloseTo(fixture.paraphrases[name]![at]![0], 5);
    });
  });
  test("texts are encoded with what is meant for the model", async () => {
    let seen: unknown;
    const model = {
      async encode(texts: readonly string[], options?: unknown) {
        seen = options;
        return texts.map((text) => plain[Number(text)]!);
      },
    };
    const sentences = plain.map((_, i) => String(i));
    const found = await paraphraseMining(model, sentences, { topK: 3, batchSize: 4, promptName: "sts" });
    expect(seen).toEqual({ batchSize: 4, promptName: "sts" });
    expect(found).toEqual(await paraphraseMiningEmbeddings(plain, { topK: 3 }));
  });
});

describe("communityDetection", () => {
  const cases = {
    close: { threshold: 0.9, minCommunitySize: 3 },
    wide: { threshold: 0.5, minCommunitySize: 5, batchSize: 16 },
    default: {},
  };
  test.each(Object.entries(cases))("%s: the communities of Sentence Transformers", async (name, options) => {
    expect(await communityDetection(grouped, options)).toEqual(fixture.communities[name]);
  });
  test("equal embeddings are one community, however many there are", async () => {
    const same = Array.from({ length: 300 }, () => Float32Array.of(1, 2, 3));
    const [all, ...others] = await communityDetection(same);
    expect([all!.length, others]).toEqual([300, []]);
  });
  test("fewer embeddings than a community has make one of them all", async () => {
    expect(await communityDetection(grouped.slice(0, 1))).toEqual([[0]]);
    expect(await communityDetection([])).toEqual([]);
  });
});
