import { describe, expect, test } from "vitest";
import { BPE, folderWith, open, patchedJson, readJson, WORD_PIECE } from "../../support/tokenizers.ts";

const failing = (files: Record<string, string | object>) => open(folderWith(files));
const json = (patch: object) => failing({ "tokenizer.json": { ...patchedJson({}), ...patch } });

describe("a file that is broken is named, with the field", () => {
  test.each([
    ["not JSON", '{"model": {', /tokenizer\.json is not JSON/],
    ["a pointer to other storage", "version https://git-lfs.github.com/spec/v1", /tokenizer\.json is not JSON/],
    ["no object", "[]", /tokenizer\.json: the top level is not an object/],
  ])("%s", async (_, text, message) => {
    await expect(failing({ "tokenizer.json": text })).rejects.toThrow(message);
  });

  test.each([
    ["no model", { model: null }, "model is missing"],
    ["no vocabulary", { model: { type: "BPE", merges: [] } }, "model.vocab is missing"],
    ["an empty vocabulary", { model: { type: "BPE", vocab: {}, merges: [] } }, "model.vocab is empty"],
    ["no merges", { model: { type: "BPE", vocab: { a: 0 } } }, "model.merges is missing"],
    ["a negative id", { model: { type: "BPE", vocab: { a: -1 }, merges: [] } }, 'model.vocab["a"] is -1'],
    ["an absurd id", { model: { type: "BPE", vocab: { a: 2e9 }, merges: [] } }, 'model.vocab["a"] is 2000000000'],
    ["an id that is text", { model: { type: "BPE", vocab: { a: "0" }, merges: [] } }, 'model.vocab["a"] is "0"'],
    ["a score without a token", { model: { type: "Unigram", vocab: [[1, 2]] } }, "model.vocab[0] is not"],
    ["an added token without text", { added_tokens: [{ id: 3 }] }, 'added_tokens[0] has no "content"'],
    ["an added token without id", { added_tokens: [{ content: "x" }] }, "added_tokens[0].id is undefined"],
    ["added tokens that are no list", { added_tokens: {} }, "added_tokens is not a list"],
    ["a normalizer without type", { normalizer: {} }, 'normalizer has no "type"'],
    ["an unknown post-processor", { post_processor: { type: "Magic" } }, 'post_processor.type is "Magic"'],
    [
      "a template with an unknown special token",
      {
        post_processor: {
          type: "TemplateProcessing",
          single: [{ SpecialToken: { id: "[X]" } }],
          pair: [],
          special_tokens: {},
        },
      },
      'post_processor.single[0] names "[X]"',
    ],
  ])("%s", async (_, patch, message) => {
    await expect(json(patch)).rejects.toThrow(message);
    await expect(json(patch)).rejects.toThrow(/\[Tokenizer\] .*tokenizer\.json/);
  });

  test("an unknown pre-tokenizer, at the latest when it is needed", async () => {
    const tokenizer = await json({ pre_tokenizer: { type: "Magic" } });
    expect(() => tokenizer.encode("a")).toThrow(/tokenizer\.json .*Magic/);
  });

  test("a tokenizer_config.json that is not JSON", async () => {
    const files = { "tokenizer.json": patchedJson({}), "tokenizer_config.json": "{" };
    await expect(failing(files)).rejects.toThrow(/tokenizer_config\.json is not JSON/);
  });
});

test("merges that do not match the vocabulary are named", async () => {
  const merges = [...(patchedJson({}).model as { merges: [string, string][] }).merges];
  merges[7] = ["x", "nope"];
  await expect(failing({ "tokenizer.json": patchedJson({ model: { merges } }) })).rejects.toThrow(
    /tokenizer\.json: model\.merges\[7\] joins "x" and "nope"/,
  );
});

test("a folder without tokenizer.json says what it has instead", async () => {
  await expect(failing({ "vocab.txt": "a" })).rejects.toThrow("has no tokenizer.json, only vocab.txt");
  await expect(open("/no/such/folder")).rejects.toThrow("/no/such/folder is not a folder");
});

test("a special token that a model needs and the tokenizer lacks is named", async () => {
  const tokenizer = await open(folderWith({ "tokenizer.json": patchedJson({}), "tokenizer_config.json": {} }));
  expect(() => tokenizer.requireSpecialToken("mask", "fillMask")).toThrow(
    /\[fillMask\] the tokenizer of .* has no mask token/,
  );
  expect((await open(BPE)).requireSpecialToken("mask", "fillMask")).toEqual({ token: "[MASK]", id: 4087 });
});

test.each([-1, 1.5, Number.NaN, -100])("decoding %d is refused", async (id) => {
  const tokenizer = await open(BPE);
  expect(() => tokenizer.decode([2, id])).toThrow(`[Tokenizer.decode] ${id} is not a token id`);
});

test("what is not a text is refused, with its row", async () => {
  const tokenizer = await open(BPE);
  expect(() => tokenizer.encode(undefined as never)).toThrow("the text is a undefined, not a text");
  await expect(tokenizer.encodeBatch(["a", 3 as never])).rejects.toThrow("row 1 is a number");
  await expect(tokenizer.encodeBatch([["a", "b"], "c"] as never)).rejects.toThrow(
    "some rows are pairs and some are not",
  );
});

test("half a surrogate pair becomes the replacement character", async () => {
  const tokenizer = await open(BPE);
  expect([...tokenizer.encode("a\ud83d b\ude00").ids]).toEqual([...tokenizer.encode("a\ufffd b\ufffd").ids]);
});

test.each([
  ["one word", "x".repeat(300_000)],
  ["spaces", " ".repeat(300_000)],
  ["combining marks", `a${"\u0301".repeat(50_000)}`],
])("a huge text of %s is encoded, and comes back", async (_, text) => {
  const tokenizer = await open(BPE);
  const { ids } = tokenizer.encode(text);
  expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(text.normalize("NFC"));
});

test("a huge word is unknown to WordPiece, not a crash", async () => {
  const tokenizer = await open(WORD_PIECE);
  expect([...tokenizer.encode("x".repeat(1_000_000)).ids]).toEqual([2, 1, 3]);
  expect(readJson(`${WORD_PIECE}/tokenizer.json`).model).toBeTruthy();
});
