/** Cases small enough to work out by hand, where an evaluator's numbers hang on a detail. */
import { Dataset, dotScore, manhattanSim } from "@ettin/core";
import {
  BinaryClassificationEvaluator,
  type EmbeddingModel,
  EmbeddingSimilarityEvaluator,
  InformationRetrievalEvaluator,
  LabelAccuracyEvaluator,
  ParaphraseMiningEvaluator,
  RerankingEvaluator,
  TripletEvaluator,
} from "@ettin/dense";
import { describe, expect, test } from "vitest";

/** A model whose embeddings are given by text. */
function tableModel(embeddings: Readonly<Record<string, readonly number[]>>): EmbeddingModel {
  const encode: EmbeddingModel["encode"] = async (texts) => texts.map((text) => Float32Array.from(embeddings[text]!));
  const cardFacts = { training: null, evaluations: [] };
  return { similarityFnName: "dot", cardFacts, encode, encodeQuery: encode, encodeDocument: encode };
}

test("a triplet's margin is added in float32, as scores are", async () => {
  // float32(0.08) + float32(0.1) rounds to float32(0.18); with the margin in float64 the sum would be one step lower.
  const model = tableModel({ anchor: [1], positive: [0.18], negative: [0.08], above: [0.19] });
  const accuracy = async (positives: string[]) => {
    const triplets = { anchors: ["anchor"], positives, negatives: ["negative"], margin: 0.1 };
    return (await new TripletEvaluator(triplets).evaluate(model)).dot_accuracy;
  };
  expect(await accuracy(["positive"])).toBe(0);
  expect(await accuracy(["above"])).toBe(1);
});

describe("duplicates of duplicates", () => {
  // Cosines: a and c 0.8, b and c 0.6, a and b 0. No sentence has the id "gone".
  const model = tableModel({ a: [1, 0], b: [0, 1], c: [0.8, 0.6] });
  const sentencesMap = { a: "a", b: "b", c: "c" };
  const evaluate = (options: object) =>
    new ParaphraseMiningEvaluator({ sentencesMap, addTransitiveClosure: true, ...options }).evaluate(model);
  // b and c alone are the second of the pairs that are found.
  const second = { average_precision: 1 / 2, precision: 1 / 2, recall: 1 };

  test("are found through ids of duplicatesDict that have no sentence", async () => {
    const duplicatesDict = { a: { gone: true }, gone: { c: true } };
    const found = await evaluate({ duplicatesDict });
    expect(found).toMatchObject({ average_precision: 1, f1: 1, precision: 1, recall: 1 });
    expect(found.threshold).toBeCloseTo(0.7, 6); // between 0.8 and 0.6
    const open = { duplicatesDict: { ...duplicatesDict, b: { c: true } }, addTransitiveClosure: false };
    expect(await evaluate(open)).toMatchObject(second);
  });

  test("are not found through pairs of duplicatesList that have no sentence, nor through what is false", async () => {
    const pairs = [
      ["a", "gone"],
      ["gone", "c"],
      ["b", "c"],
    ];
    expect(await evaluate({ duplicatesList: pairs })).toMatchObject(second);
    expect(await evaluate({ duplicatesDict: { a: { b: false, c: false }, b: { c: true } } })).toMatchObject(second);
  });
});

test("the largest correlation is that of the functions that have one", async () => {
  // All dot products are 0: no correlation. Distances 0, 2, 4 against scores 3, 2, 1: their negatives rise together.
  const model = tableModel({ x: [1, 0], y: [0, 0], z: [0, 0], a: [0, 0], b: [0, 2], c: [0, 4] });
  const pairs = { sentences1: ["y", "y", "y"], sentences2: ["a", "b", "c"], scores: [3, 2, 1] };
  const similarityFnNames = ["dot", "manhattan"] as const;
  const found = await new EmbeddingSimilarityEvaluator({ ...pairs, similarityFnNames }).evaluate(model);
  expect(found.spearman_dot).toBeNaN();
  expect(found.spearman_max).toBeCloseTo(1, 12);
  expect(found.pearson_max).toBeCloseTo(1, 12);
  const none = await new EmbeddingSimilarityEvaluator({ ...pairs, sentences2: ["a", "a", "a"], similarityFnNames });
  expect((await none.evaluate(model)).spearman_max).toBeNaN();
});

test("labels may be true and false", async () => {
  // Dot products 3, 2, 1: the first two pairs are alike.
  const model = tableModel({ a: [1], b: [3], c: [2], d: [1] });
  const pairs = { sentences1: ["a", "a", "a"], sentences2: ["b", "c", "d"] };
  const found = await new BinaryClassificationEvaluator({ ...pairs, labels: [true, true, false] }).evaluate(model);
  expect(found).toMatchObject({ dot_accuracy: 1, dot_accuracy_threshold: 1.5, dot_ap: 1 });
  expect(found).toEqual(await new BinaryClassificationEvaluator({ ...pairs, labels: [1, 1, 0] }).evaluate(model));
});

test("metrics come in the order of the score functions, the file's columns by their names", async () => {
  const evaluator = new InformationRetrievalEvaluator({
    ...{ queries: { q: "a" }, corpus: { d: "a" }, relevantDocs: { q: ["d"] } },
    ...{ accuracyAtK: [1], precisionRecallAtK: [1], mrrAtK: [1], ndcgAtK: [1], mapAtK: [1] },
    scoreFunctions: { manhattan: manhattanSim, dot: dotScore },
  });
  const found = Object.keys(await evaluator.evaluate(tableModel({ a: [1] })));
  const each = ["accuracy@1", "precision@1", "recall@1", "ndcg@1", "mrr@1", "map@1"];
  expect(found).toEqual(["manhattan", "dot"].flatMap((name) => each.map((metric) => `${name}_${metric}`)));
  expect(evaluator.primaryMetric).toBe("dot_ndcg@1"); // of equal ones the first by name
});

test("a model's card hears of the rank that reranking looks at", () => {
  const samples = [{ query: "a", positive: ["a"], negative: ["a"] }];
  expect(new RerankingEvaluator({ samples, atK: 3 }).config()).toEqual({ atK: 3 });
  expect(new RerankingEvaluator({ samples }).config()).toEqual({});
});

test("classes are read some rows at a time, at least one", () => {
  const dataset = Dataset.fromRows([{ text: "a", label: 0 }]);
  const softmaxModel = { logits: () => null as never };
  for (const batchSize of [0, 1.5, -1]) {
    expect(() => new LabelAccuracyEvaluator({ dataset, softmaxModel, batchSize })).toThrow(
      `[LabelAccuracyEvaluator] batchSize is ${batchSize}. Use a whole number from 1 on.`,
    );
  }
});
