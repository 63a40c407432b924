import { expect, test } from "vitest";
import { BPE, fixture, folderWith, open, patchedJson } from "../../support/tokenizers.ts";

test.each(
  fixture.truncations.map((c) => [`${c.truncation} ${c.pair === null ? "text" : "pair"} to ${c.maxLength}`, c]),
)("%s as the Python library", async (_, { text, pair, truncation, maxLength, ids }) => {
  const tokenizer = await open(BPE);
  const encode = () => tokenizer.encode(text, { ...(pair !== null && { pair }), truncation, maxLength });
  if (ids) expect([...encode().ids]).toEqual(ids);
  else expect(encode).toThrow(pair === null ? "has no second text" : "tokens too long");
});

test("a long text comes whole unless it is asked to be cut", async () => {
  const tokenizer = await open(BPE);
  const long = "giant ".repeat(9000);
  expect(tokenizer.encode(long).ids.length).toBeGreaterThan(8192);
  const cut = tokenizer.encode(long, { truncation: "longest_first" }).ids; // to model_max_length
  expect([cut.length, cut[0], cut[8191]]).toEqual([8192, 4084, 4085]);
});

test("a batch is cut row by row", async () => {
  const tokenizer = await open(BPE);
  const { offsets } = await tokenizer.encodeBatch(["a b c d e f g h", "a"], {
    truncation: "longest_first",
    maxLength: 5,
  });
  expect([...offsets]).toEqual([0, 5, 8]);
});

test("truncation_side: left keeps the end of the text", async () => {
  const folder = folderWith({
    "tokenizer.json": patchedJson({}),
    "tokenizer_config.json": { truncation_side: "left" },
  });
  const left = await open(folder);
  const cut = left.encode("a b c d e", { truncation: "longest_first", maxLength: 4 }).ids;
  expect(left.decode(cut)).toBe("[CLS] d e[SEP]");
});

test.each([
  [{ maxLength: 5 }, "[Tokenizer.encode] maxLength is 5, but truncation is off"],
  [{ truncation: "longest_first", maxLength: 1 }, "maxLength is 1, but the special tokens alone are 2"],
  [{ truncation: "longest_first", maxLength: 2.5 }, "maxLength is 2.5"],
  [{ truncation: "longest" as never }, 'truncation is "longest"'],
] as const)("options that make no sense are refused: %j", async (options, message) => {
  const tokenizer = await open(BPE);
  expect(() => tokenizer.encode("a b c", options)).toThrow(message);
});

test("truncation without any limit is refused", async () => {
  const tokenizer = await open(folderWith({ "tokenizer.json": patchedJson({}) }));
  expect(() => tokenizer.encode("a", { truncation: "longest_first" })).toThrow("there is no limit");
});

test("an error of a batch names the row", async () => {
  const tokenizer = await open(BPE);
  const options = { truncation: "only_first", maxLength: 6 } as const;
  const batch = tokenizer.encodeBatch(
    [
      ["a", "b"],
      ["a", "b c d e f g"],
    ],
    options,
  );
  await expect(batch).rejects.toThrow(
    "[Tokenizer.encodeBatch] row 1 is 4 tokens too long, but its first text has only 1",
  );
});
