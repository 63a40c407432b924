import { chunkDocument, Draws } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";

const ids = (length: number) => Uint32Array.from({ length }, (_, i) => i);
const rules = { chunkTokens: 12, minTokens: 6, skipTokens: 3, skipShortDocuments: false };
const cut = (length: number, changed = {}) => {
  const { chunks, ...counts } = chunkDocument(ids(length), { ...rules, ...changed }, new Draws(42, "test"));
  return { ...counts, lengths: chunks.map((chunk) => chunk.length), joined: chunks.flatMap((chunk) => [...chunk]) };
};

describe("chunkDocument", () => {
  test.each([
    [1, [1], 0], // the first piece is always kept
    [10, [10], 0],
    [12, [10], 2], // a rest of 2 is below 3
    [17, [10, 7], 0], // a rest of 7 is at least 6
    [20, [10, 10], 0],
    [31, [10, 10, 10], 1],
  ])("%d tokens are pieces of %j, %d dropped", (length, lengths, dropped) => {
    expect(cut(length)).toEqual({ lengths, dropped, moved: 0, joined: [...ids(length - dropped)] });
  });

  test("a short rest takes 0 to 10 - rest - 1 tokens from the piece before, and no token is there twice", () => {
    const draws = new Draws(1, "many");
    const seen = new Set<number>();
    for (let i = 0; i < 400; i++) {
      const { chunks, moved, dropped } = chunkDocument(ids(14), rules, draws); // pieces of 10 and 4
      expect(chunks.map((chunk) => chunk.length)).toEqual([10 - moved, 4 + moved]);
      expect(chunks.flatMap((chunk) => [...chunk])).toEqual([...ids(14)]);
      expect(dropped).toBe(0);
      seen.add(moved);
    }
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("short documents are dropped only on demand", () => {
    expect(cut(2).lengths).toEqual([2]);
    expect(cut(2, { skipShortDocuments: true })).toEqual({ lengths: [], dropped: 2, moved: 0, joined: [] });
    expect(cut(0)).toEqual({ lengths: [], dropped: 0, moved: 0, joined: [] });
  });
});

describe("Draws", () => {
  test("belong to their seed and names", () => {
    const draw = (seed: number, ...names: string[]) => [...new Draws(seed, ...names).permutation(20)].join();
    expect(draw(42, "a")).toBe(draw(42, "a"));
    expect(new Set([draw(42, "a"), draw(43, "a"), draw(42, "b"), draw(42, "a", "b")]).size).toBe(4);
  });

  test("are as likely as each other", () => {
    const draws = new Draws(7);
    const counts = new Float64Array(6);
    for (let i = 0; i < 60_000; i++) counts[draws.below(6)]!++;
    // chi-squared with 5 degrees of freedom passes 25.7 once in 10,000
    expect(counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)).toBeLessThan(25.7);
  });
});
