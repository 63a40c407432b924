import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { LibraryTokenizer } from "../../../packages/core/src/tokenizer/library.ts";
import { readMerges } from "../../../packages/core/src/tokenizer/merges.ts";
import { nativeLayout } from "../../../packages/core/src/tokenizer/native-layout.ts";
import { parseTokenizerJson } from "../../../packages/core/src/tokenizer/tokenizer-json.ts";
import { Vocabulary } from "../../../packages/core/src/tokenizer/vocabulary.ts";
import { generator } from "../../support/array64.ts";
import { BPE, fixture, open, openPatched, patchedJson } from "../../support/tokenizers.ts";

const layoutOf = (patch: object) => {
  const json = parseTokenizerJson("tokenizer.json", JSON.stringify(patchedJson({ ...patch })));
  const { ids } = new Vocabulary("tokenizer.json", json.model, json.added_tokens);
  return nativeLayout(json, readMerges("tokenizer.json", json.model, ids), ids);
};

describe.each(Object.entries(fixture.variants))("the layout of %s", (_, { patch, cases, pairs }) => {
  test("is covered natively", () => {
    expect(layoutOf(patch)).not.toBeNull();
  });

  test("has the ids of the Python library, and its text back", async () => {
    const tokenizer = await openPatched(patch);
    const { tokens, offsets } = await tokenizer.encodeBatch(cases.map(({ text }) => text));
    cases.forEach(({ text, ids, decoded }, i) => {
      expect([...tokenizer.encode(text).ids], JSON.stringify(text)).toEqual(ids);
      expect([...tokens.subarray(offsets[i], offsets[i + 1])]).toEqual(ids);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(decoded);
    });
    for (const { text, pair, ids } of pairs) expect([...tokenizer.encode(text, { pair }).ids]).toEqual(ids);
  });
});

test.each([
  ["dropout", { model: { dropout: 0.1 } }],
  ["a suffix at a word's end", { model: { end_of_word_suffix: "</w>" } }],
  ["another normalizer", { normalizer: { type: "NFKC" } }],
  ["another pre-tokenizer", { pre_tokenizer: { type: "Metaspace" } }],
  ["an unknown expression", split("\\w+")],
  ["single words as added tokens", { added_tokens: [{ id: 1, content: "<|padding|>", single_word: true }] }],
])("%s is left to the library", (_, patch) => {
  expect(layoutOf(patch)).toBeNull();
});

function split(regex: string) {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
  const each = { type: "Split", pattern: { Regex: regex }, behavior: "Isolated", invert: false };
  return { pre_tokenizer: { type: "Sequence", pretokenizers: [each, byteLevel] } };
}

// White space and digits that JavaScript's and Python's regular expressions see alike.
const POOLS = [
  ..."abcdefghijklmnopqrstuvwxyz    etaoin",
  ...[" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "'s", "'ll", "n't", "'"],
  ...["0", "12", "345", "½", "٣", ".", ",", "!?", "--", "(", ")", "#", "é", "ß", "ñ", "Œ"],
  ...[
    "e\u0301",
    "o\u0308\u0323",
    "\u0338",
    "\u0915\u093c",
    "\u1112\u1161\u11ab",
    "한",
    "漢字",
    "ひらがな",
    "Ж",
    "ع",
    "א",
  ],
  ...["😀", "👨\u200d👩", "𝕏", "[CLS]", "[SEP]", " [MASK]", "<|endoftext|>", "|||IP_ADDRESS|||", "[unused3]"],
  ...[" the", " giant", " sea", "lighthouse", "[", "]", "<|", "|>", "\ud83d", "\ude00", "\u212b", "\u037e"],
];

test("4,000 random texts have the library's ids", async () => {
  const native = await open(BPE);
  const text = JSON.stringify(patchedJson({}));
  const library = new LibraryTokenizer({ file: "tokenizer.json", text: () => text, specialTokens: {} });
  const next = generator(11);
  const pick = (n: number) => Math.floor(n * next());
  const texts = Array.from({ length: 4000 }, () =>
    Array.from({ length: 1 + pick(20) }, () => POOLS[pick(POOLS.length)]!).join(""),
  );
  const { tokens, offsets } = await native.encodeBatch(texts, { addSpecialTokens: false });
  texts.forEach((each, i) => {
    expect([...tokens.subarray(offsets[i], offsets[i + 1])], JSON.stringify(each)).toEqual([...library.encode(each)]);
  });
});

test("long words merge as short ones do", async () => {
  // The word is longer than the quadratic way's limit, its parts are not: both ways must find the same merges.
  const tokenizer = await openPatched({ model: { merges: [["a", "b"]] }, normalizer: null });
  const ab = tokenizer.tokenToId("ab");
  expect(ab).toBeDefined();
  const ids = [...tokenizer.encode("ab".repeat(500), { addSpecialTokens: false }).ids];
  expect(ids).toEqual(new Array(500).fill(ab));
});

test("a batch does not block the JavaScript thread", async () => {
  const tokenizer = await open(BPE);
  const words = Array.from({ length: 60_000 }, (_, i) => `w${(i * 7919) % 100_003}`).join(" ");
  const batch = tokenizer.encodeBatch(Array.from({ length: 4 }, () => words));
  let turns = 0;
  let done = false;
  void batch.then(() => {
    done = true;
  });
  while (!done) {
    turns++;
    await setImmediate();
  }
  expect(turns).toBeGreaterThan(10);
  const { offsets } = await batch;
  expect(offsets[2]! - offsets[1]!).toBe(offsets[1]);
});

test("many batches at once come back each with its own ids", async () => {
  const tokenizer = await open(BPE);
  const { cases } = fixture.variants.ettin!;
  const batches = await Promise.all(
    cases.map(({ text }, i) => tokenizer.encodeBatch(new Array(1 + (i % 5)).fill(text))),
  );
  batches.forEach(({ tokens }, i) => {
    expect([...tokens]).toEqual(new Array(1 + (i % 5)).fill(cases[i]!.ids).flat());
  });
});

test("a disposed tokenizer says so, and lets a batch that runs come to its end", async () => {
  const tokenizer = await open(BPE);
  const { ids } = tokenizer.encode("the giant");
  const batch = tokenizer.encodeBatch(["the giant"]);
  tokenizer.dispose();
  tokenizer.dispose();
  expect((await batch).tokens).toEqual(ids);
  expect(() => tokenizer.encode("a")).toThrow("[Tokenizer.encode] the tokenizer was disposed");
  await expect(tokenizer.encodeBatch(["a"])).rejects.toThrow("[Tokenizer.encodeBatch] the tokenizer was disposed");
});
