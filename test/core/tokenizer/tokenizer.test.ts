import { describe, expect, test } from "vitest";
import { BPE, fixture, folderWith, open, patchedJson, UNIGRAM, WORD_PIECE } from "../../support/tokenizers.ts";

const kinds = [
  ["byte-level BPE", BPE, fixture.variants.ettin!],
  ["WordPiece", WORD_PIECE, fixture.wordpiece],
  ["Unigram", UNIGRAM, fixture.unigram],
] as const;

describe.each(kinds)("%s", (_, folder, { cases, pairs }) => {
  test("encodes every text as the Python library does", async () => {
    const tokenizer = await open(folder);
    for (const { text, ids } of cases) expect([...tokenizer.encode(text).ids], JSON.stringify(text)).toEqual(ids);
  });

  test("encodes pairs and their token types as the Python library does, empty texts included", async () => {
    const tokenizer = await open(folder);
    for (const { text, pair, ids, types } of pairs) {
      const encoding = tokenizer.encode(text, { pair });
      expect([...encoding.ids], JSON.stringify([text, pair])).toEqual(ids);
      expect([...encoding.tokenTypes]).toEqual(types);
    }
  });

  test("packs a batch as the texts come alone", async () => {
    const tokenizer = await open(folder);
    const { tokens, offsets } = await tokenizer.encodeBatch(cases.map(({ text }) => text));
    expect(offsets.length).toBe(cases.length + 1);
    cases.forEach(({ ids }, i) => {
      expect([...tokens.subarray(offsets[i], offsets[i + 1])]).toEqual(ids);
    });
  });

  test("packs pairs", async () => {
    const tokenizer = await open(folder);
    const packed = await tokenizer.encodeBatch(pairs.map(({ text, pair }) => [text, pair] as const));
    expect([...packed.tokens]).toEqual(pairs.flatMap(({ ids }) => ids));
    if (packed.tokenTypes) expect([...packed.tokenTypes]).toEqual(pairs.flatMap(({ types }) => types));
  });

  test("decodes as transformers does, special tokens left out", async () => {
    const tokenizer = await open(folder);
    for (const { ids, decoded } of cases) expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(decoded);
  });
});

test("token types come only where the model has them", async () => {
  expect((await (await open(BPE)).encodeBatch(["a"])).tokenTypes).toBeUndefined();
  expect((await (await open(WORD_PIECE)).encodeBatch(["a"])).tokenTypes).toEqual(new Int32Array(3));
});

test("special tokens are known by role, whether the files write them as texts or as objects", async () => {
  const bpe = await open(BPE);
  expect(bpe.specialTokens).toEqual({
    unk: { token: "[UNK]", id: 4083 },
    cls: { token: "[CLS]", id: 4084 },
    sep: { token: "[SEP]", id: 4085 },
    pad: { token: "[PAD]", id: 4086 },
    mask: { token: "[MASK]", id: 4087 },
  });
  expect([...bpe.specialIds].sort((a, b) => a - b)).toEqual([1, 4082, 4083, 4084, 4085, 4086, 4087]);
  const unigram = await open(UNIGRAM);
  expect(unigram.specialTokens.mask?.token).toBe("<mask>");
  expect(unigram.specialTokens.bos).toEqual(unigram.specialTokens.cls);
});

test("special_tokens_map.json fills what tokenizer_config.json leaves out", async () => {
  const folder = folderWith({
    "tokenizer.json": patchedJson({}),
    "tokenizer_config.json": { cls_token: "[CLS]" },
    "special_tokens_map.json": { cls_token: "[SEP]", mask_token: { content: "[MASK]", lstrip: true } },
  });
  const { specialTokens } = await open(folder);
  expect(specialTokens).toEqual({ cls: { token: "[CLS]", id: 4084 }, mask: { token: "[MASK]", id: 4087 } });
});

test("the length limit is the files', and none where they write a number beyond any model", async () => {
  expect((await open(BPE)).modelMaxLength).toBe(8192);
  expect((await open(UNIGRAM)).modelMaxLength).toBe(Number.POSITIVE_INFINITY);
});

test("tokens and ids are looked up both ways", async () => {
  const tokenizer = await open(BPE);
  expect(tokenizer.vocabSize).toBe(4096);
  expect(tokenizer.tokenToId("[MASK]")).toBe(4087);
  expect(tokenizer.idToToken(4087)).toBe("[MASK]");
  expect(tokenizer.tokenToId("no such token")).toBeUndefined();
  expect(tokenizer.tokenToId("constructor")).toBeUndefined();
  expect(tokenizer.idToToken(4096)).toBeUndefined();
});

test("an id without a token is no text, for embeddings with more rows than tokens", async () => {
  const tokenizer = await open(BPE);
  const { ids } = tokenizer.encode("the giant", { addSpecialTokens: false });
  expect(tokenizer.decode([...ids, 4096, 5000])).toBe("the giant");
});

test("an empty batch packs nothing", async () => {
  const { tokens, offsets } = await (await open(BPE)).encodeBatch([]);
  expect([tokens.length, [...offsets]]).toEqual([0, [0]]);
});
