import { AutoModel, embed, l2Normalize, Tensor, Tokenizer, tensorScope } from "@ettin/core";
import { SentenceTransformer } from "@ettin/dense";
import { afterEach, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { tinyModelFolder } from "../../support/tiny-encoder.ts";

const TEXTS = ["The weather is lovely today.", "", "It's so sunny outside! ".repeat(9), "He drove to the stadium."];

const encoder = await tinyModelFolder();

const opened: { dispose(): void }[] = [];
afterEach(() => {
  for (const each of opened.splice(0)) each.dispose();
});

async function open(folder: string, options = {}): Promise<SentenceTransformer> {
  const model = await SentenceTransformer.fromPretrained(folder, options);
  opened.push(model);
  return model;
}

test("an encoder without modules gets mean pooling, and encode gives what embed gives, bit for bit", async () => {
  const model = await open(encoder);
  const bare = await AutoModel.fromPretrained(encoder);
  const tokenizer = await Tokenizer.fromFolder(encoder);
  opened.push(bare, tokenizer);
  const expected = await embed(bare, tokenizer, TEXTS, { truncation: "longest_first", maxLength: 128 });
  expect(await model.encode(TEXTS)).toEqual(expected);
  expect(await model.encode(TEXTS[3]!)).toEqual(expected[3]);
  expect(await model.encode(TEXTS, { batchSize: 1 })).toEqual(expected);
  expect(await model.encode(TEXTS, { maxTokensPerBatch: 8 })).toEqual(expected);
  expect(await model.encode([])).toEqual([]);
});

test("embeddings are views of one buffer", async () => {
  const model = await open(encoder);
  const embeddings = await model.encode(TEXTS);
  expect(new Set(embeddings.map(({ buffer }) => buffer)).size).toBe(1);
  expect(embeddings.map(({ byteOffset }) => byteOffset)).toEqual([0, 128, 256, 384]);
});

test("a causal language model gets the last token, an option another pooling", async () => {
  const folder = await tinyModelFolder({ causal: true });
  const model = await open(folder);
  const tokens = await model.encode(TEXTS[0]!, { outputValue: "token_embeddings" });
  expect(await model.encode(TEXTS[0]!)).toEqual(tokens.slice(-32));
  const mean = await open(folder, { poolingMode: "mean" });
  const sums = Array.from({ length: 32 }, (_, c) => {
    let sum = 0;
    for (let at = c; at < tokens.length; at += 32) sum += tokens[at]!;
    return (32 * sum) / tokens.length;
  });
  const found = await mean.encode(TEXTS[0]!);
  sums.forEach((value, c) => {
    expect(found[c]).toBeCloseTo(value, 5);
  });
});

test("it is cut before it is normalized", async () => {
  const model = await open(encoder);
  const [whole] = await model.encode([TEXTS[0]!]);
  const [cut] = await model.encode([TEXTS[0]!], { truncateDim: 8, normalizeEmbeddings: true });
  const [expected] = tensorScope(() => [l2Normalize(Tensor.from(whole!.slice(0, 8), { shape: [1, 8] })).data()]);
  expect(cut).toEqual(await expected);
});

test("saved and loaded again it gives the same embeddings, settings and lengths", async () => {
  const folder = temporaryFolder();
  const model = await open(encoder, { prompts: { query: "query: " }, similarityFnName: "dot", maxSeqLength: 20 });
  await model.savePretrained(folder);
  const again = await open(folder);
  expect(await again.encodeQuery(TEXTS)).toEqual(await model.encodeQuery(TEXTS));
  expect(await again.encodeQuery(TEXTS[3]!)).toEqual(await model.encode(`query: ${TEXTS[3]!}`));
  expect([again.similarityFnName, again.maxSeqLength, again.prompts]).toEqual([
    "dot",
    20,
    { query: "query: ", document: "" },
  ]);
});
