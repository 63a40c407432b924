import {
  type Hit,
  type IndexOptions,
  InformationRetrievalEvaluator,
  type Loss,
  type MineHardNegativesOptions,
  type SearchOptions,
  type SentenceEvaluator,
  type SentenceTransformer,
  type SimilarityFunctionName,
  type TrainerCallback,
  type TrainSummary,
} from "@ettin/dense";
import { expectTypeOf, test } from "vitest";

declare const model: SentenceTransformer;

test("a text has one embedding, texts have a list", () => {
  expectTypeOf(model.encode("a")).resolves.toEqualTypeOf<Float32Array>();
  expectTypeOf(model.encode(["a"])).resolves.toEqualTypeOf<Float32Array[]>();
  expectTypeOf(model.encodeQuery("a", { normalizeEmbeddings: true })).resolves.toEqualTypeOf<Float32Array>();
});

test("the array follows the precision", () => {
  expectTypeOf(model.encode(["a"], { precision: "int8" })).resolves.toEqualTypeOf<Int8Array[]>();
  expectTypeOf(model.encodeDocument("a", { precision: "ubinary" })).resolves.toEqualTypeOf<Uint8Array>();
  // @ts-expect-error there is no such precision
  void model.encode("a", { precision: "int4" });
});

test("types of what users write are there without @ettin/core", () => {
  expectTypeOf<IndexOptions>().toHaveProperty("dim");
  expectTypeOf<SearchOptions>().toHaveProperty("k");
  expectTypeOf<Hit>().toHaveProperty("score");
  expectTypeOf<MineHardNegativesOptions>().toHaveProperty("dataset");
  expectTypeOf<TrainSummary>().toHaveProperty("trainLoss");
  expectTypeOf<TrainerCallback>().toHaveProperty("onEvaluate");
  expectTypeOf<Loss<never>>().toHaveProperty("forward");
  expectTypeOf<SentenceEvaluator>().toHaveProperty("evaluate");
  expectTypeOf<SimilarityFunctionName>().toBeString();
});

test("a misspelt option is an error", () => {
  // @ts-expect-error the option is normalizeEmbeddings
  void model.encode("a", { normalize: true });
});

test("relevant documents are a list or a set of ids, and no text", () => {
  const texts = { queries: { q: "a" }, corpus: { d1: "b" } };
  void (() => new InformationRetrievalEvaluator({ ...texts, relevantDocs: { q: ["d1"] } }));
  void (() => new InformationRetrievalEvaluator({ ...texts, relevantDocs: new Map([["q", new Set(["d1"])]]) }));
  // @ts-expect-error its letters would be ids
  void (() => new InformationRetrievalEvaluator({ ...texts, relevantDocs: { q: "d1" } }));
});
