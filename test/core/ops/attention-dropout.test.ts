import { type AttentionDropout, attention, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { expectFormula, inputsOf, options, reference, run, type Setting } from "../../support/attention-case.ts";
import { offsetsOf } from "../../support/attention64.ts";
import { expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { keyOf, philox } from "../../support/philox.ts";
import { read } from "../../support/read.ts";

describe.each(levels)("attention with dropout on %s", (level) => {
  const on = device(level);
  const n = 64;
  const dropout = { rate: 0.25, seed: 7, step: 3, site: 2 };

  /** With equal scores and v the unit matrix, y shows each probability. */
  async function kept(sequences: number, numbers: number | number[], more: Partial<typeof dropout> = {}) {
    const lengths = Array.from({ length: sequences }, () => n);
    const unit = Float32Array.from({ length: sequences * n * n }, (_, i) => (Math.floor(i / n) % n === i % n ? 1 : 0));
    const y = await read(() => {
      const q = Tensor.zeros([sequences * n, 2, n], { device: on });
      const k = Tensor.zeros([sequences * n, 1, n], { device: on });
      const v = Tensor.from(unit, { shape: [sequences * n, 1, n], device: on });
      return attention(q, k, v, {
        ...options({ queries: lengths }, on),
        dropout: {
          ...dropout,
          ...more,
          sequences: Array.isArray(numbers) ? Tensor.from(Int32Array.from(numbers), { device: on }) : numbers,
        },
      });
    });
    return Float32Array.from(y, (p) => Math.round(p * n * 1e4) / 1e4); // 0 or 1 / (1 − rate)
  }

  test("keeps a share of 1 − rate, scaled up to keep the mean", async () => {
    const mask = await kept(2, 0);
    const share = mask.filter((p) => p > 0).length / mask.length;
    expect(new Set(mask)).toEqual(new Set([0, Math.fround(1.3333)])); // 1 / (1 − 0.25)
    expect(Math.abs(share - 0.75)).toBeLessThan(0.02); // 16384 draws: five standard deviations are 0.017
  });

  test("the mask depends on seed, step, site, sequence and head, and on nothing else", async () => {
    const both = await kept(2, 0);
    const half = both.length / 2;
    expect(await kept(2, 0)).toEqual(both);
    expect(await kept(1, 1)).toEqual(both.slice(half)); // the second sequence alone, under its number
    expect(await kept(2, [1, 0])).toEqual(Float32Array.of(...both.slice(half), ...both.slice(0, half)));
    for (const other of [{ seed: 8 }, { step: 4 }, { site: 3 }]) {
      expect(await kept(2, 0, other)).not.toEqual(both);
    }
    const heads = [0, 1].map((h) => both.filter((_, i) => Math.floor(i / n) % 2 === h));
    expect(heads[0]).not.toEqual(heads[1]);
    expect(both.slice(0, half)).not.toEqual(both.slice(half));
  });

  test("forward and gradient are the formula's with that mask", async () => {
    const mask = await kept(2, 0);
    const setting: Setting = {
      queries: [n, n],
      heads: [2, 1],
      dim: 32,
      window: [20, 30],
      kept: (h, t, key) => (mask[(t * 2 + h) * n + (key % n)]! > 0 ? 4 / 3 : 0),
    };
    const inputs = inputsOf(setting);
    const got = await run(inputs, on, (q, k, v) => attention(q, k, v, { ...options(setting, on), dropout }));
    const expected = reference(inputs, setting);
    const gradients = expected.backward(got.dyUsed);
    expectClose(got.y, expected.y.data, 1e-5, "y");
    expectClose(got.dq, gradients.dq.data, 1e-5, "dq");
    expectClose(got.dk, gradients.dk.data, 1e-5, "dk");
    expectClose(got.dv, gradients.dv.data, 1e-5, "dv");
  });
});

/** What is kept of each probability, drawn in plain arithmetic (native/cpu/philox.h). */
function keptOf({ queries, keys = queries }: Setting, { rate, seed, step, site }: AttentionDropout, numbers: number[]) {
  const [q0, k0, key] = [offsetsOf(queries), offsetsOf(keys), keyOf(seed, step)];
  return (head: number, t: number, row: number): number => {
    const b = queries.findIndex((_, i) => t < q0[i + 1]!);
    const [j, place] = [row - k0[b]!, t - q0[b]! + keys[b]! - queries[b]!];
    const counter = [Math.floor(j / 64) * 16 + (j % 16), place, numbers[b]!, (site << 12) ^ head];
    const word = philox(counter, key)[Math.floor(j / 16) % 4]!;
    return word >>> 1 >= rate * 2 ** 31 ? 1 / (1 - rate) : 0;
  };
}

describe.each(levels)("attention's dropout mask on %s", (level) => {
  const on = device(level);
  const numbers = [5, 2];
  const dropped: Record<string, Setting> = {
    "head size 32, a window": { queries: [90, 20], dim: 32, window: [20, 30] },
    "head size 64, causal and grouped": { queries: [100, 30], heads: [2, 1], dim: 64, causal: true },
    "head size 64, long sequences": { queries: [129, 127], heads: [2, 2], dim: 64, window: [30, 20] },
    "head size 128": { queries: [70, 1], heads: [1, 1], dim: 128 },
    "head size 136": { queries: [20, 36], heads: [1, 1], dim: 136 },
    "fewer queries than keys": { queries: [10, 40], keys: [100, 44], heads: [1, 1], dim: 64, causal: true },
  };
  test.each(Object.entries(dropped))("%s: forward and gradient are the formula's with philox's mask", (_, setting) => {
    const dropout = { rate: 0.25, seed: 7, step: 3, site: 2 };
    const sequences = Tensor.from(Int32Array.from(numbers), { device: on });
    return expectFormula({ ...setting, kept: keptOf(setting, dropout, numbers) }, on, { ...dropout, sequences });
  });
});

test("every level draws the same dropout mask", async () => {
  const masks = await Promise.all(
    levels.map(async (level) => {
      const on = device(level);
      const y = await read(() => {
        const zeros = Tensor.zeros([50, 1, 8], { device: on });
        return attention(zeros, zeros, Tensor.ones([50, 1, 8], { device: on }), {
          ...options({ queries: [50] }, on),
          dropout: { rate: 0.5, seed: 1, step: 1, site: 1 },
        });
      });
      return Float32Array.from(y, (p) => Math.round(p * 25)); // how many of the 50 keys stay
    }),
  );
  for (const mask of masks) expect(mask).toEqual(masks[0]);
});
