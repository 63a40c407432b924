import { KeyValueCache, noGrad, type Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { type DecoderOptions, decoder, ids, packed, type TestDecoder, vocabulary } from "./decoder.ts";

const sequences = [ids(40, 1), ids(1, 2), ids(9, 3), ids(100, 4)];

const read = (run: () => Tensor): Promise<Float32Array> =>
  tensorScope(() => [noGrad(run).data() as Promise<Float32Array>])[0]!;

/** Scores of all tokens, in passes of the given sizes per sequence: [prompt, then …]. */
async function inPasses(
  net: TestDecoder,
  texts: readonly (readonly number[])[],
  sizes: (b: number) => readonly number[],
  options: { capacity?: number } = {},
): Promise<Float32Array[]> {
  const cache = new KeyValueCache({ sequences: texts.length, ...options });
  const rows: number[][] = texts.map(() => []);
  const passes = Math.max(...texts.map((_, b) => sizes(b).length));
  const at = texts.map(() => 0);
  for (let pass = 0; pass < passes; pass++) {
    const parts = texts.map((text, b) => text.slice(at[b]!, at[b]! + (sizes(b)[pass] ?? 0)));
    const batch = packed(parts);
    const scores = await read(() => net.logits(net.model.forward(batch, { cache })));
    parts.forEach((part, b) => {
      at[b] = at[b]! + part.length;
      rows[b]!.push(...scores.subarray(batch.offsets[b]! * vocabulary, batch.offsets[b + 1]! * vocabulary));
    });
  }
  expect(cache.lengths).toEqual(texts.map((text) => text.length));
  cache.dispose();
  return rows.map((row) => Float32Array.from(row));
}

/** Scores of whole sequences, without a cache. */
const whole = async (net: TestDecoder, texts: readonly (readonly number[])[]): Promise<Float32Array[]> => {
  const batch = packed(texts);
  const scores = await read(() => net.logits(net.model.forward(batch)));
  return texts.map((_, b) => scores.subarray(batch.offsets[b]! * vocabulary, batch.offsets[b + 1]! * vocabulary));
};

const settings: [string, DecoderOptions, number][] = [
  ["float32", {}, 2e-6],
  ["bfloat16", { dtype: "bfloat16" }, 2 ** -4],
  ["as many key heads as query heads", { heads: 2, kvHeads: 2 }, 2e-6],
  ["windows everywhere", { windows: [3, 63] }, 2e-6],
  ["no window", { windows: [null] }, 2e-6],
];

/** Sizes of passes: the whole prompt and then one token at a time, and others. */
const ways: [string, (b: number) => number[]][] = [
  ["a prompt and then single tokens", (b) => [Math.ceil(sequences[b]!.length / 2), ...Array(60).fill(1)]],
  ["single tokens from the start", () => Array(100).fill(1)],
  ["a few at a time", () => Array(40).fill(3)],
  ["a second long prompt", (b) => [Math.ceil(sequences[b]!.length / 3), 200]],
  ["sequences that start later", (b) => (b % 2 ? [0, 40, 60] : [20, 0, 20])],
];

describe.each(levels)("a KeyValueCache on %s", (level) => {
  describe.each(settings)("with %s", (_, options, tolerance) => {
    test.each(ways)("gives the scores of whole sequences: %s", async (_, sizes) => {
      const net = decoder(device(level), options);
      const expected = await whole(net, sequences);
      const got = await inPasses(net, sequences, sizes);
      expected.forEach((row, b) => {
        expectClose(got[b]!, row, tolerance, `sequence ${b}`);
      });
      net.dispose();
    });
  });

  test("gives a sequence the same bits alone and beside others, with 1, 2 and 3 threads", async () => {
    const runs = await Promise.all(
      [1, 2, 3].map(async (threads) => {
        const net = decoder(device(level, threads));
        const together = await inPasses(net, sequences, ways[0]![1]);
        for (const [b, text] of sequences.entries()) {
          const [alone] = await inPasses(net, [text], () => ways[0]![1](b), { capacity: 100 });
          expect(alone).toEqual(together[b]);
        }
        net.dispose();
        return together;
      }),
    );
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });

  test.each([
    ["leave", [0, 3]],
    ["are taken twice and change places", [3, 0, 0, 2]],
  ])("goes on with the sequences that are selected when others %s", async (_, chosen) => {
    const net = decoder(device(level));
    const cache = new KeyValueCache({ sequences: sequences.length });
    const next = (texts: readonly number[][]) => read(() => net.logits(net.model.forward(packed(texts), { cache })));
    await next(sequences);
    cache.select(chosen);
    const got = await next(chosen.map((b) => [5 + b]));
    expect(cache.lengths).toEqual(chosen.map((b) => sequences[b]!.length + 1));
    cache.select([1]);
    const last = await next([[7]]);
    cache.dispose();

    const expected = await whole(
      net,
      chosen.map((b) => [...sequences[b]!, 5 + b]),
    );
    expected.forEach((row, i) => {
      expectClose(got.subarray(i * vocabulary, (i + 1) * vocabulary), row.slice(-vocabulary), 2e-6, `row ${i}`);
    });
    const [end] = await whole(net, [[...sequences[chosen[1]!]!, 5 + chosen[1]!, 7]]);
    expectClose(last, end!.slice(-vocabulary), 2e-6, "the last one");
    net.dispose();
  });

  test("holds no more of a layer with a window than the window", async () => {
    const net = decoder(device(level), { windows: [5, null] });
    const cache = new KeyValueCache({ sequences: 2, capacity: 300 });
    await read(() => net.model.forward(packed([ids(200, 1), ids(3, 1)]), { cache }));
    // 2 sequences × 2 heads × 16 channels × 4 bytes, keys and values: 6 rows and 300
    expect(cache.bytes).toBe(2 * 2 * 2 * 16 * 4 * (6 + 300));
    cache.dispose();
    net.dispose();
  });
});

describe("KeyValueCache's errors", () => {
  test("name what does not fit", async () => {
    const on = device(levels[0]!);
    const net = decoder(on);
    const cache = new KeyValueCache({ sequences: 2 });
    const forward = (texts: readonly number[][]) =>
      tensorScope(() => [noGrad(() => net.model.forward(packed(texts), { cache })).data()])[0]!;
    expect(() => forward([[1]])).toThrow(
      "[KeyValueCache] the offsets are of 1 sequences, and the cache has 2. Pass the offsets of the cache's sequences",
    );
    await forward([[1], [2]]);
    expect(() => cache.select([2])).toThrow("[KeyValueCache.select] sequence 2 of 2 was chosen");
    expect(() => new KeyValueCache({ sequences: 1.5 })).toThrow("[KeyValueCache] sequences is 1.5");
    const half = decoder(on, { dtype: "bfloat16" });
    expect(() => noGrad(() => tensorScope(() => [half.model.forward(packed([[1], [2]]), { cache })]))).toThrow(
      "[KeyValueCache] the cache was made for 2 float32 key heads, and gets 2 of bfloat16",
    );
    const both = decoder(on, { windows: [null], positions: 4 });
    const long = new KeyValueCache({ sequences: 1 });
    await expect(read(() => both.model.forward(packed([ids(5, 1)]), { cache: long }))).rejects.toThrow(
      "sequence 0 stands at positions 0 to 4, but the rotary table has 4",
    );
    for (const each of [cache, long, net, half, both]) each.dispose();
  });
});
