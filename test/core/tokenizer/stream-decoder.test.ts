import { describe, expect, test } from "vitest";
import { BPE, fixture, open, openPatched, WORD_PIECE } from "../../support/tokenizers.ts";

test.each(fixture.streams.map((c) => [JSON.stringify(c.text), c]))(
  "%s comes in the pieces of transformers' streamer",
  async (_, { ids, pieces }) => {
    const decoder = (await open(BPE)).streamDecoder({ skipSpecialTokens: true });
    expect([...ids.map((id) => decoder.push(id)), decoder.end()]).toEqual(pieces);
    // and again: end() made it ready for another text
    expect([...ids.map((id) => decoder.push(id)), decoder.end()]).toEqual(pieces);
  },
);

describe.each([true, false])("with wholeWords: %s", (wholeWords) => {
  test("the pieces put together are the text", async () => {
    const tokenizer = await open(BPE);
    for (const { ids, decoded } of fixture.variants.ettin!.cases) {
      const decoder = tokenizer.streamDecoder({ skipSpecialTokens: true, wholeWords });
      const pieces = ids.map((id) => decoder.push(id));
      expect(pieces.join("") + decoder.end()).toBe(decoded);
    }
  });

  test("a character whose bytes come one by one is held back until it is whole", async () => {
    const tokenizer = await openPatched({ model: { merges: [] } });
    const decoder = tokenizer.streamDecoder({ wholeWords });
    const ids = [...tokenizer.encode("é 漢", { addSpecialTokens: false }).ids];
    expect(ids.length).toBe(6); // 2 bytes, 1, 3
    const expected = wholeWords ? ["", "", "é ", "", "", "漢"] : ["", "é", " ", "", "", "漢"];
    expect(ids.map((id) => decoder.push(id))).toEqual(expected);
    expect(decoder.end()).toBe("");
  });
});

test("what never becomes a character is replaced at the end", async () => {
  const tokenizer = await openPatched({ model: { merges: [] } });
  const decoder = tokenizer.streamDecoder();
  const [first] = tokenizer.encode("é", { addSpecialTokens: false }).ids;
  expect(decoder.push(first!)).toBe("");
  expect(decoder.end()).toBe("\uFFFD");
});

test("other kinds are decoded again with every token", async () => {
  const tokenizer = await open(WORD_PIECE);
  const { ids } = tokenizer.encode("the giant walked to the sea", { addSpecialTokens: false });
  const decoder = tokenizer.streamDecoder();
  const pieces = [...ids].map((id) => decoder.push(id));
  expect(pieces.join("") + decoder.end()).toBe("the giant walked to the sea");
  expect(pieces.every((piece) => piece === "" || piece.endsWith(" "))).toBe(true);
});
