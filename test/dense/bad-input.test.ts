/** What is missing or misspelt is an error that says so, in JavaScript too. */
import { join } from "node:path";
import * as dense from "@ettin/dense";
import { describe, expect, test } from "vitest";
import { DENSE, openModel } from "../support/dense-fixture.ts";
import { noModel as model } from "./losses/embeddings.ts";

const folder = join(DENSE, "model");
const never = (value: unknown) => value as never;

describe("new SentenceTransformer", () => {
  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["a list of modules", []],
    ["a folder", folder],
  ])("of %s says how models are made", (_, given) => {
    expect(() => new dense.SentenceTransformer(never(given))).toThrow(
      "[SentenceTransformer] modules is undefined, and not a list. Pass { modules: [new Transformer(…), new Pooling(…)] }",
    );
  });
});

describe("encode", () => {
  test.each<[unknown, string]>([
    [undefined, "[encode] the texts are undefined. Pass a text, or a list of texts."],
    [null, "[encode] the texts are null."],
    [5, "[encode] the texts are a number."],
    [new Set(["a"]), "[encode] the texts are an object."],
    [["a", 5], "[encode]"],
  ])("of %s", async (texts, message) => {
    await expect((await openModel(folder)).encode(never(texts))).rejects.toThrow(message);
  });

  test.each<[object, string]>([
    [{ normalize: true }, "there is no option normalize. Use normalizeEmbeddings."],
    [{ normalize_embeddings: true }, "there is no option normalize_embeddings. The nearest is normalizeEmbeddings."],
    [{ batchsize: 3 }, "there is no option batchsize. The nearest is batchSize."],
    [{ showProgressBar: true }, "there is no option showProgressBar. Use onProgress."],
  ])("with %j", async (options, message) => {
    const opened = await openModel(folder);
    await expect(opened.encode("a", never(options))).rejects.toThrow(`[encode] ${message}`);
    await expect(opened.encodeQuery("a", never(options))).rejects.toThrow(`[encodeQuery] ${message}`);
    await expect(opened.encodeDocument(["a"], never(options))).rejects.toThrow(`[encodeDocument] ${message}`);
  });

  test("encodeStream", async () => {
    const opened = await openModel(folder);
    expect(() => opened.encodeStream(["a"], never({ textPerBatch: 3 }))).toThrow(
      "[encodeStream] there is no option textPerBatch. The nearest is textsPerBatch.",
    );
  });
});

describe("fromPretrained", () => {
  test.each<[object, string]>([
    [{ trustRemoteCode: true }, "there is no option trustRemoteCode. Code of a repository is never run"],
    [{ maxSeqLen: 10 }, "there is no option maxSeqLen. The nearest is maxSeqLength."],
  ])("with %j", async (options, message) => {
    await expect(openModel(folder, never(options))).rejects.toThrow(`[fromPretrained] ${message}`);
  });

  test("null clears the file's default prompt", async () => {
    const opened = await openModel(folder, { prompts: { query: "q: " }, defaultPromptName: "query" });
    expect(opened.defaultPromptName).toBe("query");
    const saved = join(await import("../support/folder.ts").then((each) => each.temporaryFolder()), "saved");
    await opened.savePretrained(saved);
    expect((await openModel(saved)).defaultPromptName).toBe("query");
    expect((await openModel(saved, { defaultPromptName: null })).defaultPromptName).toBeNull();
  });
});

describe("losses", () => {
  const inner = new dense.CoSENTLoss(model);
  const sized = { ...model, embeddingDimension: 8 };
  const guide = { ...model, tokenizeNow: () => never(null) };
  const make: [string, () => unknown, string][] = [
    [
      "SoftmaxLoss",
      () => new dense.SoftmaxLoss(sized, never(undefined)),
      "numLabels is missing. Give the number of classes",
    ],
    ["MatryoshkaLoss", () => new dense.MatryoshkaLoss(sized, inner, never(undefined)), "matryoshkaDims is missing"],
    [
      "MatryoshkaLoss",
      () => new dense.MatryoshkaLoss(sized, never({ matryoshkaDims: [4] }), never(undefined)),
      "the inner loss",
    ],
    [
      "AdaptiveLayerLoss",
      () => new dense.AdaptiveLayerLoss(never(sized), never(undefined)),
      "the inner loss is missing",
    ],
    [
      "Matryoshka2dLoss",
      () => new dense.Matryoshka2dLoss(never(sized), inner, never({ matryoshkaDim: [4] })),
      "The nearest is",
    ],
    [
      "GISTEmbedLoss",
      () => new dense.GISTEmbedLoss(model, never(undefined)),
      "the guide is missing. Pass a second model",
    ],
    ["GISTEmbedLoss", () => new dense.GISTEmbedLoss(model, never({ temperature: 1 })), "the guide is no model"],
    [
      "CachedGISTEmbedLoss",
      () => new dense.CachedGISTEmbedLoss(model, guide, never({ miniBatch: 3 })),
      "is no option miniBatch",
    ],
    [
      "CoSENTLoss",
      () => new dense.CoSENTLoss(never(undefined)),
      "the model is missing. Write new CoSENTLoss(model, …).",
    ],
    ["CoSENTLoss", () => new dense.CoSENTLoss(model, never(20)), "the options are 20"],
  ];
  test.each(make.map(([name, run, message]) => ({ name, run, message })))(
    "$name: $message",
    ({ name, run, message }) => {
      expect(run).toThrow(`[${name}]`);
      expect(run).toThrow(message);
    },
  );

  test.each([
    ...["AnglELoss", "BatchAllTripletLoss", "BatchHardTripletLoss", "BatchSemiHardTripletLoss", "MSELoss"],
    ...["BatchHardSoftMarginTripletLoss", "CachedMultipleNegativesRankingLoss", "ContrastiveLoss", "CoSENTLoss"],
    ...["CachedMultipleNegativesSymmetricRankingLoss", "CosineSimilarityLoss", "DistillKLDivLoss", "EmbedDistillLoss"],
    ...["GlobalOrthogonalRegularizationLoss", "MarginMSELoss", "MegaBatchMarginLoss", "OnlineContrastiveLoss"],
    ...["MultipleNegativesRankingLoss", "MultipleNegativesSymmetricRankingLoss", "TripletLoss", "SoftmaxLoss"],
    ...["ContrastiveTensionLoss", "ContrastiveTensionLossInBatchNegatives"],
  ])("%s refuses an option that there is not", (name) => {
    const Loss = new Map(Object.entries(dense)).get(name) as new (model: unknown, options: object) => unknown;
    expect(() => new Loss(model, { simScale: 1 })).toThrow(`[${name}] there is no option simScale.`);
  });
});

describe("evaluators", () => {
  test.each([
    ...["TripletEvaluator", "EmbeddingSimilarityEvaluator", "BinaryClassificationEvaluator", "TranslationEvaluator"],
    ...["InformationRetrievalEvaluator", "NanoBEIREvaluator", "MSEEvaluator", "ParaphraseMiningEvaluator"],
    ...["RerankingEvaluator", "LabelAccuracyEvaluator"],
  ])("%s refuses an option that there is not", (name) => {
    const Evaluator = new Map(Object.entries(dense)).get(name) as new (options: object) => unknown;
    expect(() => new Evaluator({ showProgressBar: true })).toThrow(`[${name}] there is no option showProgressBar.`);
  });

  const two = { sentences1: ["a", "b"], sentences2: ["a", "b"] };
  test.each<{ run: () => unknown; message: string }>(
    (
      [
        [
          () => new dense.TripletEvaluator(never({ anchors: ["a"], positives: ["b"] })),
          "[TripletEvaluator] negatives are missing",
        ],
        [
          () => new dense.TripletEvaluator(never({ anchors: 3, positives: ["b"], negatives: ["a"] })),
          "anchors is a number",
        ],
        [
          () =>
            new dense.TripletEvaluator({ anchors: ["a"], positives: ["b"], negatives: ["c"], similarityFnNames: [] }),
          'similarityFnNames is empty. Give a list, ["cosine"], or leave it out.',
        ],
        [
          () => new dense.EmbeddingSimilarityEvaluator({ ...two, scores: [0, 1], similarityFnNames: [] }),
          "similarityFnNames is empty",
        ],
        [
          () => new dense.BinaryClassificationEvaluator({ ...two, labels: [0, 1], similarityFnNames: [] }),
          "similarityFnNames is empty",
        ],
        [
          () => new dense.MSEEvaluator(never({ sourceSentences: ["a"], targetSentences: ["a"] })),
          "teacherModel is missing",
        ],
        [() => new dense.RerankingEvaluator(never({})), "samples is no list"],
        [
          () => new dense.LabelAccuracyEvaluator(never({ dataset: [] })),
          "dataset is a list of 0. Make a dataset of it",
        ],
      ] as [() => unknown, string][]
    ).map(([run, message]) => ({ run, message })),
  )("$message", ({ run, message }) => {
    expect(run).toThrow(message);
  });
});

test("a list of rows is no dataset, and the trainer says how it becomes one", async () => {
  const opened = await openModel(folder);
  const rows = [{ anchor: "a", positive: "b" }];
  const make = (options: object) => () => new dense.SentenceTransformerTrainer({ model: opened, ...options });
  const wayOut = "Make a dataset of it: Dataset.fromRows(rows).";
  expect(make({ trainDataset: rows })).toThrow(`[SentenceTransformerTrainer] trainDataset is a list of 1. ${wayOut}`);
  expect(make({ evalDataset: { dev: rows } })).toThrow(`evalDataset.dev is a list of 1. ${wayOut}`);
  expect(make({ computeMetrics: 1 })).toThrow("there is no option computeMetrics. Use an evaluator.");
});
