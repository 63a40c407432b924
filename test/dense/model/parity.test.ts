import { join } from "node:path";
import { Dense, Normalize, Transformer } from "@ettin/core";
import { Pooling, type PoolingMode, SentenceTransformer } from "@ettin/dense";
import { describe, expect, test } from "vitest";
import { DENSE, disposed, expectRows, facts, legacyFolder, openModel } from "../../support/dense-fixture.ts";

const { texts } = facts;
const legacy = legacyFolder();
const lowering = legacyFolder({ max_seq_length: 64, do_lower_case: true });

describe.each([
  ["version 6", join(DENSE, "model")],
  ["versions up to 5.3", legacy],
])("a folder in the layout of %s", (_, folder) => {
  test("gives the reference's ids and embeddings", async () => {
    const model = await openModel(folder);
    const { tokens, offsets } = await model.tokenize(texts);
    const ids = texts.map((_, b) => [...tokens.subarray(offsets[b]!, offsets[b + 1]!)]);
    expect(ids).toEqual(facts.ids);
    expectRows(await model.encode(texts), facts.embeddings);
  });

  test("has the reference's settings", async () => {
    const model = await openModel(folder);
    expect(model.maxSeqLength).toBe(24);
    expect(model.similarityFnName).toBe("dot");
    expect(model.prompts).toEqual({ query: "query: ", document: "", passage: "passage: " });
    expect(model.embeddingDimension).toBe(12);
  });
});

describe("encode gives what the reference's gives", () => {
  test("with the prompts of queries, documents and others", async () => {
    const model = await openModel(legacy);
    expectRows(await model.encodeQuery(texts), facts.queries);
    expectRows(await model.encodeDocument(texts), facts.documents);
    expectRows(await model.encode(texts, { promptName: "passage" }), facts.passages);
    expectRows(await model.encode(texts, { prompt: "passage: ", promptName: "query" }), facts.passages);
  });

  test("for tokens", async () => {
    const model = await openModel(legacy);
    const found = await model.encode(texts.slice(0, 2), { outputValue: "token_embeddings" });
    expectRows(
      found,
      facts.tokens.map((rows) => rows.flat()),
    );
  });

  test("cut, then normalized", async () => {
    const model = await openModel(legacy);
    expectRows(await model.encode(texts, { truncateDim: 5, normalizeEmbeddings: true }), facts.cut);
  });

  test("in smaller precisions", async () => {
    const model = await openModel(legacy);
    const int8 = await model.encode(texts, { precision: "int8" });
    expect(int8[0]).toBeInstanceOf(Int8Array);
    const apart = int8.map((row, i) => Math.max(...row.map((value, c) => Math.abs(value - facts.int8[i]![c]!))));
    expect(Math.max(...apart)).toBeLessThanOrEqual(1); // a step, where embeddings differ in the last bit
    expect(await model.encode(texts, { precision: "ubinary" })).toEqual(
      facts.ubinary.map((row) => Uint8Array.from(row)),
    );
    expect(await model.encode(texts[0]!, { precision: "ubinary" })).toEqual(Uint8Array.from(facts.ubinary[0]!));
  });

  test("and so do the similarities", async () => {
    const model = await openModel(legacy);
    const embeddings = await model.encode(texts);
    const { data, shape } = await model.similarity(embeddings.slice(0, 2), embeddings);
    expect(shape).toEqual([2, 6]);
    expectRows([data], [facts.similarity.flat()]);
    const pairs = await model.similarityPairwise(embeddings.slice(0, 3), embeddings.slice(3));
    expectRows([pairs.data], [facts.similarityPairwise]);
  });

  test("in bfloat16, as far as that goes", async () => {
    const model = await openModel(legacy, { dtype: "bfloat16" });
    expect([model.dtype, model.computeDtype]).toEqual(["bfloat16", "bfloat16"]);
    expectRows(await model.encode(texts), facts.embeddings, 0.05);
  });
});

test.each(facts.poolings.map((pooling) => ({ ...pooling, name: `${pooling.modes}` })))(
  "pooling by $name, prompt included: $includePrompt",
  async ({ modes, includePrompt, prompt, embeddings }) => {
    const transformer = await Transformer.fromPretrained(join(DENSE, "model"));
    const poolingMode = modes as PoolingMode | PoolingMode[];
    const pooling = new Pooling({ embeddingDimension: 16, poolingMode, includePrompt });
    const model = disposed(new SentenceTransformer({ modules: [transformer, pooling] }));
    expectRows(await model.encode(texts, { prompt }), embeddings);
  },
);

test("a Dense module may add its input, projected", async () => {
  const transformer = await Transformer.fromPretrained(join(DENSE, "model"));
  const dense = await Dense.fromFolder(join(DENSE, "residual"), { dtype: "auto" });
  const pooling = new Pooling({ embeddingDimension: 16, poolingMode: "cls" });
  const model = disposed(new SentenceTransformer({ modules: [transformer, pooling, dense] }));
  expectRows(await model.encode(texts), facts.residual);
});

test("a last module that makes another tensor does not change the embedding's width", async () => {
  const transformer = await Transformer.fromPretrained(join(DENSE, "model"));
  const pooling = new Pooling({ embeddingDimension: 16 });
  const extra = new Dense({ inFeatures: 16, outFeatures: 8, outputName: "extra" });
  const model = disposed(new SentenceTransformer({ modules: [transformer, pooling, extra] }));
  const { prompt, embeddings } = facts.poolings.find(({ modes }) => `${modes}` === "mean")!;
  expectRows(await model.encode(texts, { prompt }), embeddings);
  expectRows(
    await model.encode(texts, { prompt, truncateDim: 12 }),
    embeddings.map((row) => row.slice(0, 12)),
  );
});

test("a Normalize before its tensor is made does nothing", async () => {
  const transformer = await Transformer.fromPretrained(join(DENSE, "model"));
  const modules = [transformer, new Normalize(), new Pooling({ embeddingDimension: 16 })];
  const model = disposed(new SentenceTransformer({ modules }));
  const { prompt, embeddings } = facts.poolings.find(({ modes }) => `${modes}` === "mean")!;
  expectRows(await model.encode(texts, { prompt }), embeddings);
});

test("static embeddings are means of rows, and an empty text is zeros", async () => {
  const model = await openModel(join(DENSE, "static"));
  const found = await model.encode(texts);
  expectRows(found, facts.static);
  expect([...found[1]!]).toEqual(new Array(8).fill(0));
  expect(model.maxSeqLength).toBe(Number.POSITIVE_INFINITY);
});

test("do_lower_case lowers texts as a normalizer does, and spares special tokens", async () => {
  const model = await openModel(lowering);
  const { tokens, offsets } = model.tokenizeNow(facts.lowerCase.texts);
  const ids = facts.lowerCase.texts.map((_, b) => [...tokens.subarray(offsets[b]!, offsets[b + 1]!)]);
  expect(ids).toEqual(facts.lowerCase.ids);
});

test("parameters have the names of the reference's state dict", async () => {
  const model = await openModel(legacy);
  const names = model.entries().flatMap(({ name, parts }) => parts?.map((part) => part.name) ?? [name]);
  expect(names.sort()).toEqual([...facts.stateDict].sort());
});
