import {
  BinaryClassificationEvaluator,
  EmbeddingSimilarityEvaluator,
  InformationRetrievalEvaluator,
  MSEEvaluator,
  NanoBEIREvaluator,
  ParaphraseMiningEvaluator,
  RerankingEvaluator,
  TripletEvaluator,
} from "@ettin/dense";
import { expect, test } from "vitest";
import { FormulaModel } from "./embedding-by-formula.ts";

const a = ["u1", "u2", "u3"];
const triplet = { anchors: a, positives: a, negatives: a };
const pairs = { sentences1: a, sentences2: a };
const retrieval = { queries: { q: "u1" }, corpus: { d: "u2" }, relevantDocs: { q: ["d"] } };

test.each([
  [() => new TripletEvaluator({ ...triplet, negatives: ["u1"] }), "there are 3 anchors, but 1 negatives"],
  [() => new TripletEvaluator({ anchors: [], positives: [], negatives: [] }), "anchors is empty"],
  [() => new TripletEvaluator({ ...triplet, margin: { cosin: 1 } as never }), 'there is no similarity "cosin"'],
  [() => new TripletEvaluator({ ...triplet, similarityFnNames: ["l2" as never] }), 'there is no similarity "l2"'],
  [() => new EmbeddingSimilarityEvaluator({ ...pairs, scores: [1, 1, 1] }), "the 3 scores are all the same"],
  [() => new EmbeddingSimilarityEvaluator({ ...pairs, scores: [1, 2] }), "there are 3 sentences1, but 2 scores"],
  [() => new BinaryClassificationEvaluator({ ...pairs, labels: [0, 0, 0] }), "of 3 labels 3 are 0 and 0 are 1"],
  [() => new BinaryClassificationEvaluator({ ...pairs, labels: [0, 1, 2] }), "label 2 is 2"],
  [() => new InformationRetrievalEvaluator({ ...retrieval, relevantDocs: {} }), "none of 1 queries has a document"],
  [() => new InformationRetrievalEvaluator({ ...retrieval, corpus: {} }), "the corpus is empty"],
  [
    () => new InformationRetrievalEvaluator({ ...retrieval, relevantDocs: { q: "d" as never } }),
    'relevantDocs of the query "q" is "d". Give a list or a set of ids: ["d"].',
  ],
  [
    () => new InformationRetrievalEvaluator({ ...retrieval, relevantDocs: { q: 1 as never } }),
    'relevantDocs of the query "q" is 1. Give a list or a set of ids.',
  ],
  [
    () => new InformationRetrievalEvaluator({ ...retrieval, relevantDocs: { q: ["doc"] } }),
    'none of the documents in relevantDocs is in the corpus: "doc" of the query "q" is not, and the corpus has "d"',
  ],
  [() => new InformationRetrievalEvaluator({ ...retrieval, corpusChunkSize: 0 }), "corpusChunkSize is 0"],
  [() => new InformationRetrievalEvaluator({ ...retrieval, ndcgAtK: [] }), "ndcgAtK is empty"],
  [() => new InformationRetrievalEvaluator({ ...retrieval, scoreFunctions: ["cos" as never] }), "cos"],
  [
    () => new InformationRetrievalEvaluator({ ...retrieval, scoreFunctions: ["dot"], mainScoreFunction: "cosine" }),
    '[InformationRetrievalEvaluator] mainScoreFunction is "cosine", but the functions are dot',
  ],
  [
    () => new NanoBEIREvaluator({ scoreFunctions: ["dot"], mainScoreFunction: "cosine" }),
    '[NanoBEIREvaluator] mainScoreFunction is "cosine", but the functions are dot',
  ],
  [
    () => new InformationRetrievalEvaluator({ ...retrieval, mainScoreFunction: "dot" }).metricNames(new FormulaModel()),
    'mainScoreFunction is "dot", but the functions are cosine',
  ],
  [
    () => new TripletEvaluator({ ...triplet, similarityFnNames: ["dot"], mainSimilarityFunction: "cosine" }),
    '[TripletEvaluator] mainSimilarityFunction is "cosine", but similarityFnNames are dot',
  ],
  [
    () => new TripletEvaluator({ ...triplet, mainSimilarityFunction: "dot" }).metricNames(new FormulaModel()),
    'mainSimilarityFunction is "dot", but similarityFnNames are cosine',
  ],
  [
    () =>
      new EmbeddingSimilarityEvaluator({
        ...{ ...pairs, scores: [1, 2, 3] },
        ...{ similarityFnNames: ["dot", "manhattan"], mainSimilarity: "cosine" },
      }),
    '[EmbeddingSimilarityEvaluator] mainSimilarity is "cosine", but similarityFnNames are dot, manhattan',
  ],
  [
    () => new ParaphraseMiningEvaluator({ sentencesMap: { 1: "u1", 2: "u2" }, duplicatesList: [[1, 2]] as never }),
    "[ParaphraseMiningEvaluator] no pair of duplicates has both its ids in sentencesMap: " +
      'of [1,2] at least one is not, and sentencesMap has "1". Give duplicates the ids of sentencesMap.',
  ],
  [
    () =>
      new ParaphraseMiningEvaluator({
        sentencesMap: { a: "u1", b: "u2" },
        duplicatesDict: { a: { c: true, b: false } },
      }),
    'of ["a","c"] at least one is not, and sentencesMap has "a"',
  ],
  [() => new NanoBEIREvaluator({ datasetNames: ["msmacro"] }), "the nearest is msmarco"],
  [() => new NanoBEIREvaluator({ datasetNames: [] }), "datasetNames is empty"],
  [
    () => new NanoBEIREvaluator({ datasetNames: ["nq"], queryPrompts: { msmarco: "" } }),
    "queryPrompts has none for nq",
  ],
  [() => new RerankingEvaluator({ samples: [{ query: "u1", positive: [], negative: a }] }), "none of 1 samples has"],
  [
    () => new RerankingEvaluator({ samples: [{ query: "u1", positive: "u2" } as never] }),
    "sample 0 is not { query, positive",
  ],
] as const)("%s: an error that says what is wrong", (make, message) => {
  expect(make).toThrow(message);
});

test("a teacher of another dimension is an error", async () => {
  const teacherModel = new FormulaModel();
  const small = { encode: (texts: readonly string[]) => teacherModel.encode(texts, { truncateDim: 3 }) };
  const evaluator = new MSEEvaluator({ sourceSentences: a, targetSentences: a, teacherModel: small });
  await expect(evaluator.evaluate(new FormulaModel())).rejects.toThrow("row 1 has 16 numbers, but row 0 has 3");
});

test("a signal ends an evaluation", async () => {
  const stop = new AbortController();
  stop.abort(new Error("enough"));
  const evaluator = new InformationRetrievalEvaluator(retrieval);
  await expect(evaluator.evaluate(new FormulaModel(), { signal: stop.signal })).rejects.toThrow("enough");
});
