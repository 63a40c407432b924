import { maskedLanguageCollator } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";

const PAD = 0;
const [CLS, SEP, MASK, UNK, VOCABULARY] = [1, 2, 3, 4, 4000];
const tokenizer = { vocabSize: VOCABULARY, pad: PAD, cls: CLS, sep: SEP, mask: MASK, unk: UNK };
const at = { seed: 21, epoch: 0, step: 0, firstSequence: 0 };

/** Rows of `length` ids, none of them special, and none above 1000. */
const rowsOf = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => ({
    input_ids: Int32Array.from({ length }, (_, t) => 5 + ((i * 7919 + t * 104729) % 996)),
  }));

/** A count of n independent chances p lies within five standard deviations: one run in 1.7 million does not. */
function expectShare(count: number, n: number, p: number): void {
  const deviation = Math.sqrt(n * p * (1 - p));
  expect(Math.abs(count - n * p) / deviation).toBeLessThan(5);
}

async function masked(rule: "collator" | "packed", probability: number, rows: { input_ids: ArrayLike<number> }[]) {
  const collate = maskedLanguageCollator({ tokenizer, rule, probability, maxSeqLen: 8192 });
  const batch = await collate(rows, at);
  const before = await maskedLanguageCollator({ tokenizer, probability: 1e-12, maxSeqLen: 8192 })(rows, at);
  const places = [...batch.targets.rows].map((row, i) => ({
    row,
    was: batch.targets.ids[i]!,
    is: batch.tokens[row]!,
  }));
  return { batch, before, places };
}

describe.each(["collator", "packed"] as const)("the %s rule", (rule) => {
  test.each([0.3, 0.15])(
    "of 200,000 tokens a share of %d is selected; of these 0.8 masked, 0.1 random, 0.1 kept",
    async (p) => {
      const { before, places } = await masked(rule, p, rowsOf(100, 2000));
      const eligible = rule === "collator" ? 200_000 : before.tokenCount;
      expectShare(places.length, eligible, p);
      expect(places.every(({ row, was }) => was === before.tokens[row])).toBe(true);

      const hidden = places.filter(({ is }) => is === MASK).length;
      const kept = places.filter(({ is, was }) => is === was).length;
      // a random id is the mask, or the id itself, once in a few thousand times: far below the bounds
      expectShare(hidden, places.length, 0.8);
      expectShare(kept, places.length, 0.1);
      expectShare(places.length - hidden - kept, places.length, 0.1);
    },
  );

  test("tokens that are not selected stay, and selected ones are listed once, ascending", async () => {
    const { batch, before, places } = await masked(rule, 0.3, rowsOf(20, 200));
    const selected = new Set(places.map(({ row }) => row));
    expect(selected.size).toBe(places.length);
    batch.tokens.forEach((id, row) => {
      if (!selected.has(row)) expect(id).toBe(before.tokens[row]);
    });
    expect(places.map(({ row }) => row)).toEqual([...selected].sort((a, b) => a - b));
  });

  test("neighbours are selected independently", async () => {
    const { batch, places } = await masked(rule, 0.3, rowsOf(100, 2000));
    const selected = new Set(places.map(({ row }) => row));
    const pairs = places.filter(({ row }) => selected.has(row + 1)).length;
    expectShare(pairs, batch.tokenCount, 0.09); // a few places at the ends do not count: 200 of 200,000
  });

  test("a batch cut in two, or in another process, is masked alike", async () => {
    // every other id is 1000, so that the largest is the same in each part
    const rows = rowsOf(8, 60).map(({ input_ids }) => ({ input_ids: input_ids.map((id, t) => (t % 2 ? 1000 : id)) }));
    const collate = maskedLanguageCollator({ tokenizer, rule, probability: 0.3 });
    const whole = await collate(rows, { ...at, step: 5, firstSequence: 16 });
    const again = maskedLanguageCollator({ tokenizer, rule, probability: 0.3 });
    const second = await again(rows.slice(3), { ...at, step: 5, firstSequence: 19 });
    const first = await again(rows.slice(0, 3), { ...at, step: 5, firstSequence: 16 });
    expect([...first.tokens, ...second.tokens]).toEqual([...whole.tokens]);
    expect([...first.targets.ids, ...second.targets.ids]).toEqual([...whole.targets.ids]);
  });

  test("another seed, epoch, step or sequence number draws other masks", async () => {
    const rows = rowsOf(4, 100);
    const collate = maskedLanguageCollator({ tokenizer, rule, probability: 0.3 });
    const places = [at, { ...at, seed: 22 }, { ...at, epoch: 1 }, { ...at, step: 1 }, { ...at, firstSequence: 4 }];
    const drawn = await Promise.all(places.map((place) => collate(rows, place)));
    expect(new Set(drawn.map(({ targets }) => targets.rows.join())).size).toBe(5);
    expect((await collate(rows, at)).tokens).toEqual(drawn[0]!.tokens);
  });
});

describe("the edges of the rules", () => {
  const specials = [{ input_ids: [CLS, UNK, MASK, PAD, 9, SEP] }];

  test("collator: special tokens are never selected, wherever they stand", async () => {
    const { places } = await masked("collator", 1, specials);
    expect(places.map(({ row, was }) => [row, was])).toEqual([[4, 9]]);
  });

  test("packed: first and last tokens can be selected, PAD cannot", async () => {
    const { batch, places } = await masked("packed", 1, specials);
    expect(places.map(({ was }) => was)).toEqual([CLS, UNK, MASK, 9, SEP]);
    expect(batch.tokens[3]).toBe(PAD);
  });

  test("collator: random ids are uniform over the whole vocabulary", async () => {
    const { places } = await masked("collator", 1, rowsOf(100, 2000));
    const random = places.filter(({ is, was }) => is !== MASK && is !== was).map(({ is }) => is);
    expect(Math.max(...random)).toBeGreaterThan(VOCABULARY - 10);
    expect(Math.max(...random)).toBeLessThan(VOCABULARY);
    expect(Math.min(...random)).toBeLessThan(10);
    for (let part = 0; part < 4; part++) {
      const count = random.filter((id) => Math.floor(id / 1000) === part).length;
      expectShare(count, random.length, 0.25);
    }
  });

  test("packed: random ids are uniform up to the largest id of the masked batch", async () => {
    const { before, places } = await masked("packed", 1, rowsOf(100, 2000));
    const random = places.filter(({ is, was }) => is !== MASK && is !== was).map(({ is }) => is);
    // 20,000 draws over 1001 ids: the largest itself is missed with chance e^-20
    expect(before.tokens.reduce((largest, id) => Math.max(largest, id))).toBe(1000);
    expect(Math.max(...random)).toBe(1000);
    expectShare(random.filter((id) => id <= 500).length, random.length, 0.5);
  });

  test("packed: the largest id counts after the mask tokens are in", async () => {
    // all ids are below the mask's: with it in, random ids go up to it
    const high = { ...tokenizer, mask: 3999 };
    const batch = await maskedLanguageCollator({ tokenizer: high, rule: "packed", probability: 1, maxSeqLen: 8192 })(
      rowsOf(20, 2000),
      at,
    );
    const random = [...batch.tokens].filter((id, row) => id !== 3999 && id !== batch.targets.ids[row]);
    expect(Math.max(...random)).toBeGreaterThan(3950);
    expectShare(random.filter((id) => id < 2000).length, random.length, 0.5);
  });
});
