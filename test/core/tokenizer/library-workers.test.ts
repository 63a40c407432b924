import { expect, test } from "vitest";
import { runChild } from "../../support/child.ts";
import { fixture, open, UNIGRAM, WORD_PIECE } from "../../support/tokenizers.ts";

test.each([
  ["WordPiece", WORD_PIECE, fixture.wordpiece],
  ["Unigram", UNIGRAM, fixture.unigram],
] as const)("a large batch of %s has the ids of the texts alone", async (_, folder, { cases }) => {
  const tokenizer = await open(folder);
  const some = cases.filter(({ text }) => text.length < 500);
  const rows = Array.from({ length: 2000 }, (_, i) => some[i % some.length]!);
  const { tokens, offsets } = await tokenizer.encodeBatch(rows.map(({ text }) => text));
  expect(rows.reduce((sum, { text }) => sum + text.length, 0)).toBeGreaterThan(65_536); // worker threads did it
  rows.forEach(({ ids }, i) => {
    expect([...tokens.subarray(offsets[i], offsets[i + 1])]).toEqual(ids);
  });
});

test("batches may overlap", async () => {
  const tokenizer = await open(WORD_PIECE);
  const batches = await Promise.all(
    ["the giant", "the sea"].map((text) => tokenizer.encodeBatch(new Array(8_000).fill(text))),
  );
  expect(batches.map(({ offsets }) => offsets[8_000])).toEqual(
    ["the giant", "the sea"].map((text) => 8_000 * tokenizer.encode(text).ids.length),
  );
});

test("disposing rejects what runs", async () => {
  const tokenizer = await open(WORD_PIECE);
  const batch = tokenizer.encodeBatch(new Array(8_000).fill("the giant"));
  tokenizer.dispose();
  await expect(batch).rejects.toThrow("the tokenizer was disposed");
});

test("idle workers do not keep the process, one text starts none, and pending work is waited for", async () => {
  const { stdout, stderr, code } = await runChild(`
    process.report.excludeNetwork = true;
    const threads = () => process.report.getReport().workers.length;
    const before = threads();
    const tokenizer = await core.Tokenizer.fromFolder(${JSON.stringify(WORD_PIECE)});
    tokenizer.encode("the giant ".repeat(8_000));
    await tokenizer.encodeBatch(["the giant"]);
    console.log(threads() - before);
    await tokenizer.encodeBatch(new Array(8_000).fill("the giant"));
    console.log(threads() > before);
    tokenizer.encodeBatch(new Array(8_000).fill("the sea")).then(({ offsets }) => console.log(offsets.length));
  `);
  expect({ stdout, stderr, code }).toEqual({ stdout: "0\ntrue\n8001\n", stderr: "", code: 0 });
});
