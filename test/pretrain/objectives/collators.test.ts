import { join } from "node:path";
import { EngineError, loadDataset } from "@ettin/core";
import { causalCollator, maskedLanguageCollator, maskedNextTokenCollator, objectiveCollator } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";
import { BPE, folderWith, open } from "../../support/tokenizers.ts";

const tokenizer = { vocabSize: 20, pad: 0, cls: 1, sep: 2, mask: 3, unk: 4 };
const at = { seed: 21, epoch: 0, step: 0, firstSequence: 0 };
const row = (...input_ids: number[]) => ({ input_ids });

describe("how rows become sequences", () => {
  const encoded = async (ids: ArrayLike<number>, maxSeqLen = 8) => [
    ...(await maskedLanguageCollator({ tokenizer, maxSeqLen, probability: 1e-9 })([{ input_ids: ids }], at)).tokens,
  ];
  const decoded = async (ids: ArrayLike<number>, maxSeqLen = 8) => [
    ...(await causalCollator({ tokenizer, maxSeqLen })([{ input_ids: ids }], at)).tokens,
  ];

  test("an encoder's gets CLS before and SEP after where they are missing", async () => {
    expect(await encoded([7, 8])).toEqual([1, 7, 8, 2]);
    expect(await encoded([1, 7, 8])).toEqual([1, 7, 8, 2]);
    expect(await encoded([7, 8, 2])).toEqual([1, 7, 8, 2]);
    expect(await encoded([1, 7, 8, 2])).toEqual([1, 7, 8, 2]);
    expect(await encoded([1])).toEqual([1, 2]);
  });

  test("a decoder's gets CLS before, and ends as it does in the data", async () => {
    expect(await decoded([7, 8])).toEqual([1, 7, 8]);
    expect(await decoded([7, 8, 2])).toEqual([1, 7, 8, 2]);
  });

  test("what is beyond maxSeqLen is cut, and an encoder's SEP takes the last place", async () => {
    expect(await encoded([5, 6, 7, 8, 9], 5)).toEqual([1, 5, 6, 7, 2]); // CLS 5 6 7 8 is cut to four
    expect(await encoded([1, 5, 6, 7, 2], 5)).toEqual([1, 5, 6, 7, 2]);
    expect(await encoded([5, 6, 7, 2, 9], 5)).toEqual([1, 5, 6, 7, 2]); // SEP stands at the cut already
    expect(await encoded([5, 6, 7], 5)).toEqual([1, 5, 6, 7, 2]);
    expect(await decoded([5, 6, 7, 8, 9], 5)).toEqual([1, 5, 6, 7, 8]);
  });

  test("ids may be a list or a typed array, in input_ids or in ids", async () => {
    for (const ids of [[7, 8], Int32Array.of(7, 8), Uint32Array.of(7, 8), Uint16Array.of(7, 8)]) {
      expect(await decoded(ids)).toEqual([1, 7, 8]);
      expect([...(await causalCollator({ tokenizer })([{ ids }], at)).tokens]).toEqual([1, 7, 8]);
    }
  });

  test("texts are encoded where the collator has the tokenizer itself", async () => {
    const own = await open(BPE);
    const batch = await causalCollator({ tokenizer: own })([{ text: "a tale" }, { text: "an older tale" }], at);
    const ids = [own.encode("a tale").ids, own.encode("an older tale").ids];
    expect([...batch.tokens]).toEqual(ids.flatMap((each) => [...each]));
    expect([...batch.offsets]).toEqual([0, ids[0]!.length, ids[0]!.length + ids[1]!.length]);
  });

  test("a row that cannot be used is an error that names it", async () => {
    const collate = causalCollator({ tokenizer });
    const place = { seed: 1, epoch: 0, step: 12, firstSequence: 4 };
    const fails = (rows: object[], message: string) =>
      expect(async () => collate(rows as never, place)).rejects.toThrow(message);
    await fails([row(7), { input_ids: [], id: "b7" }], '[causalCollator] row 5 of step 12 (id "b7") has no tokens.');
    await fails([row(7, 20)], "row 4 of step 12 has 20 at place 1, but ids go from 0 to 19");
    await fails([row(7, -100)], "row 4 of step 12 has -100 at place 1");
    await fails([row(7.5)], "row 4 of step 12 has 7.5 at place 0");
    await fails([{ text: "x", url: "y" }], "row 4 of step 12 has no input_ids, but text, url");
  });

  test("a row of a file is named by file and line", async () => {
    const folder = folderWith({ "ids.jsonl": '{"input_ids": [7, 8]}\n{"input_ids": []}\n' });
    const rows = (await loadDataset(join(folder, "ids.jsonl"))).rows([0, 1]);
    await expect(async () => causalCollator({ tokenizer })(rows, at)).rejects.toThrow(
      "[causalCollator] row 1 of step 0 (ids.jsonl, line 2) has no tokens.",
    );
  });

  test("an empty text is an error", async () => {
    const collate = causalCollator({ tokenizer: await open(BPE) });
    await expect(async () => collate([{ text: "a" }, { text: " \n" }], at)).rejects.toThrow(
      "[causalCollator] row 1 of step 0 has an empty text.",
    );
    await expect(async () => collate([{ body: "a" }], at)).rejects.toThrow("has neither input_ids nor a text");
  });

  test("a length with no room, ids outside the vocabulary, and unknown objectives are errors at once", () => {
    expect(() => causalCollator({ tokenizer, maxSeqLen: 1 })).toThrow("[causalCollator] maxSeqLen is 1.");
    expect(() => causalCollator({ tokenizer: { ...tokenizer, sep: 20 } })).toThrow("sep is 20, and vocabSize is 20");
    expect(() => objectiveCollator("lm" as never, { tokenizer })).toThrow('objective is "lm"');
    const { mask: _, ...maskless } = tokenizer;
    expect(() => maskedLanguageCollator({ tokenizer: maskless })).toThrow("has no mask token");
    expect(() => maskedLanguageCollator({ tokenizer, probability: 0 })).toThrow("probability is 0");
    expect(() => maskedLanguageCollator({ tokenizer, rule: "bert" as never })).toThrow('rule is "bert"');
  });
});

describe("what is predicted", () => {
  const rows = [row(7, 8, 9), row(5), row(10, 11)];

  test("causal: from each row the next id of the same sequence", async () => {
    const batch = await causalCollator({ tokenizer })(rows, at);
    expect([...batch.tokens]).toEqual([1, 7, 8, 9, 1, 5, 1, 10, 11]);
    expect([...batch.offsets]).toEqual([0, 4, 6, 9]);
    expect([...batch.targets.rows]).toEqual([0, 1, 2, 4, 6, 7]); // not 3, 5, 8: the last of each
    expect([...batch.targets.ids]).toEqual([7, 8, 9, 5, 10, 11]);
    expect([batch.objective, batch.tokenCount, batch.sequenceCount]).toEqual(["clm", 9, 3]);
  });

  test("masked: the selected rows themselves, and the ids that stood there", async () => {
    const batch = await maskedLanguageCollator({ tokenizer, probability: 1 })(rows, at);
    expect([...batch.offsets]).toEqual([0, 5, 8, 12]);
    expect([...batch.targets.rows]).toEqual([1, 2, 3, 6, 9, 10]); // all but CLS and SEP
    expect([...batch.targets.ids]).toEqual([7, 8, 9, 5, 10, 11]);
  });

  test("masked next token: the row before, for the same masks", async () => {
    const masked = await maskedLanguageCollator({ tokenizer, probability: 0.5 })(rows, at);
    const next = await maskedNextTokenCollator({ tokenizer, probability: 0.5 })(rows, at);
    expect(next.tokens).toEqual(masked.tokens);
    expect(next.targets.ids).toEqual(masked.targets.ids);
    expect([...next.targets.rows]).toEqual([...masked.targets.rows].map((r) => r - 1));
  });

  test("masked next token: a sequence's first token is masked by the packed rule, but is no target", async () => {
    const all = { tokenizer, probability: 1, rule: "packed" } as const;
    const masked = await maskedLanguageCollator(all)(rows, at);
    expect([...masked.targets.rows]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    const next = await maskedNextTokenCollator(all)(rows, at);
    expect(next.tokens).toEqual(masked.tokens);
    expect([...next.targets.rows]).toEqual([0, 1, 2, 3, 5, 6, 8, 9, 10]);
    expect([...next.targets.ids]).toEqual([7, 8, 9, 2, 5, 2, 10, 11, 2]);
  });
});

describe("masks of a file", () => {
  const file = (...lines: unknown[]) =>
    folderWith({ "masks.jsonl": lines.map((l) => (typeof l === "string" ? l : JSON.stringify(l))).join("\n") });
  const masks = (...lines: unknown[]) => `${file(...lines)}/masks.jsonl`;

  test("are taken by step and by the sequence's number in it", async () => {
    const path = masks(
      { step: 4, positions: [[1], [1, 2], []], tokens: [[3], [17, 8], []] },
      { step: 3, positions: [[2]], tokens: [[3]] },
    );
    const collate = maskedLanguageCollator({ tokenizer, masks: path });
    const batch = await collate([row(7, 8), row(9)], { ...at, step: 4, firstSequence: 1 });
    expect([...batch.tokens]).toEqual([1, 17, 8, 2, 1, 9, 2]);
    expect([...batch.targets.rows]).toEqual([1, 2]);
    expect([...batch.targets.ids]).toEqual([7, 8]);
    const other = await maskedNextTokenCollator({ tokenizer, masks: path })([row(7, 8)], { ...at, step: 3 });
    expect([...other.tokens]).toEqual([1, 7, 3, 2]);
    expect([...other.targets.rows]).toEqual([1]);
  });

  test("that do not fit are errors with file and line", async () => {
    const run = (...lines: unknown[]) => {
      const path = masks({ step: 9, positions: [], tokens: [] }, ...lines);
      return (async () => maskedLanguageCollator({ tokenizer, masks: path })([row(7, 8)], at))().then(
        () => "no error",
        (error) => (error instanceof EngineError ? error.what.replace(path, "F") : error),
      );
    };
    expect(await run()).toBe("F has no masks for step 0");
    expect(await run("{")).toMatch(/^F:2 is not JSON: /);
    expect(await run({ step: 0, positions: [[1]] })).toBe("F:2 lacks step, positions or tokens");
    expect(await run({ step: 0, positions: [], tokens: [] })).toBe("F:2 has no masks for sequence 0");
    expect(await run({ step: 0, positions: [[1, 2]], tokens: [[3]] })).toBe("F:2 has no masks for sequence 0");
    expect(await run({ step: 0, positions: [[4]], tokens: [[3]] })).toBe("F:2 has place 4 in sequence 0 of 4 tokens");
    expect(await run({ step: 0, positions: [[2, 1]], tokens: [[3, 3]] })).toMatch(/^F:2 has place 1/);
    expect(await run({ step: 0, positions: [[1]], tokens: [[20]] })).toBe(
      "F:2 has id 20 in sequence 0, of a vocabulary of 20",
    );
  });
});
