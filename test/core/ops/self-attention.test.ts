import { attention, type Device, rotary, rotaryTable, selfAttention, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { attention64, offsetsOf, rotary64 } from "../../support/attention64.ts";
import { checkOp, expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { read } from "../../support/read.ts";

interface Setting {
  readonly lengths: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
  readonly rotated?: boolean;
  readonly causal?: boolean;
  readonly window?: readonly [number, number];
}

const settings: Record<string, Setting> = {
  "sequences of 1, 31, 32, 33 and no tokens": { lengths: [1, 0, 31, 32, 33], heads: 1, kvHeads: 1, dim: 16 },
  "without rotation": { lengths: [33], heads: 2, kvHeads: 2, dim: 8, rotated: false },
  "an encoder's window": { lengths: [90, 20], heads: 1, kvHeads: 1, dim: 8, window: [64, 64] },
  "a decoder's window": { lengths: [80], heads: 1, kvHeads: 1, dim: 8, window: [63, 0], causal: true },
  "grouped queries, causal": { lengths: [17, 9], heads: 4, kvHeads: 2, dim: 24, causal: true },
  "head size 64": { lengths: [17, 5], heads: 2, kvHeads: 1, dim: 64 },
  "head size 64, several tiles in a window": { lengths: [100], heads: 1, kvHeads: 1, dim: 64, window: [64, 64] },
  "head size 40, grouped": { lengths: [21, 3], heads: 4, kvHeads: 2, dim: 40 },
  "head size 128, causal": { lengths: [40, 30], heads: 1, kvHeads: 1, dim: 128, causal: true },
  "no tokens": { lengths: [0], heads: 2, kvHeads: 1, dim: 8 },
};

const tokensOf = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
const base = 100; // turns fast, so that short sequences see many angles

/** The angles of the table, as the op sees them: rounded to float32. */
const angle = (dim: number) => (position: number, j: number) =>
  Math.fround(position * Math.fround(1 / Math.fround(base ** Math.fround((2 * j) / dim))));

const options = ({ lengths, heads, kvHeads, dim, rotated = true, causal, window }: Setting, on: Device) => ({
  offsets: Tensor.from(Int32Array.from(offsetsOf(lengths)), { device: on }),
  heads,
  kvHeads,
  ...(rotated && { rotary: rotaryTable({ positions: Math.max(...lengths), dim, base, device: on }) }),
  ...(causal && { causal }),
  ...(window && { window }),
});

/** Heads `first` to `first + count` of rows, as `[tokens, count, dim]`. */
const slice = (rows: Array64, width: number, first: number, count: number, dim: number): Array64 => {
  const tokens = rows.data.length / width;
  return array64([tokens, count, dim], (i) => {
    const [t, rest] = [Math.floor(i / (count * dim)), i % (count * dim)];
    return rows.data[t * width + first * dim + rest]!;
  });
};

checkOp("selfAttention", {
  op: ([qkv], on, name) => selfAttention(qkv!, options(settings[name]!, on)),
  reference: ([qkv], name) => {
    const { lengths, heads, kvHeads, dim, rotated = true, ...mask } = settings[name]!;
    const width = (heads + 2 * kvHeads) * dim;
    const offsets = offsetsOf(lengths);
    const turn = (x: Array64) => (rotated ? rotary64(x, offsets, angle(dim)) : x);
    const q = turn(slice(qkv!, width, 0, heads, dim));
    const k = turn(slice(qkv!, width, heads, kvHeads, dim));
    const v = slice(qkv!, width, heads + kvHeads, kvHeads, dim);
    return { shape: [tokensOf(lengths), heads * dim], data: attention64(q, k, v, offsets, offsets, mask).y.data };
  },
  cases: Object.entries(settings).map(([name, { lengths, heads, kvHeads, dim }]) => ({
    name,
    inputs: [normal([tokensOf(lengths), (heads + 2 * kvHeads) * dim])],
  })),
});

describe.each(levels)("selfAttention on %s", (level) => {
  const on = device(level);

  test.each(Object.entries(settings))(
    "%s: is rotary and attention in one, forward and backward",
    async (_, setting) => {
      const { lengths, heads, kvHeads, dim, rotated = true } = setting;
      const tokens = tokensOf(lengths);
      const width = (heads + 2 * kvHeads) * dim;
      const rows = normal([tokens, width], 5);
      const dy = Float32Array.from(normal([tokens, heads * dim], 6).data);
      const from = (x: Array64) =>
        Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on, requiresGrad: true });
      const reads = tensorScope(() => {
        const {
          rotary: table,
          offsets,
          heads: _,
          kvHeads: __,
          ...mask
        } = { rotary: undefined, ...options(setting, on) };
        const qkv = from(rows);
        const fused = selfAttention(qkv, options(setting, on));
        const [q, k, v] = [
          from(slice(rows, width, 0, heads, dim)),
          from(slice(rows, width, heads, kvHeads, dim)),
          from(slice(rows, width, heads + kvHeads, kvHeads, dim)),
        ];
        const turn = (x: Tensor) => (rotated ? rotary(x, table!, offsets) : x);
        const apart = attention(turn(q), turn(k), v, { queryOffsets: offsets, keyOffsets: offsets, ...mask });
        const [fusedY, apartY] = [fused.data(), apart.data()];
        fused.backward({ gradient: Tensor.from(dy, { shape: fused.shape, device: on }) });
        apart.backward({ gradient: Tensor.from(dy, { shape: apart.shape, device: on }) });
        return [fusedY, apartY, qkv.grad!.data(), q.grad!.data(), k.grad!.data(), v.grad!.data()];
      });
      const [y, yApart, dqkv, dq, dk, dv] = await Promise.all(reads);
      expectClose(y!, yApart!, 1e-6, "y");
      const gradient = { shape: [tokens, width], data: Float64Array.from(dqkv!) };
      expectClose(slice(gradient, width, 0, heads, dim).data, dq!, 2e-6, "dq");
      expectClose(slice(gradient, width, heads, kvHeads, dim).data, dk!, 2e-6, "dk");
      expectClose(slice(gradient, width, heads + kvHeads, kvHeads, dim).data, dv!, 2e-6, "dv");
    },
  );
});

describe("selfAttention's errors", () => {
  const offsets = (...values: number[]) => Tensor.from(Int32Array.from(values));

  test("name the argument and the numbers", () => {
    const qkv = Tensor.zeros([4, 48]);
    expect(() => selfAttention(qkv, { offsets: offsets(0, 4), heads: 5 })).toThrow(
      "[selfAttention] qkv has 48 columns, which 5 query heads and twice 5 key heads do not share evenly",
    );
    expect(() => selfAttention(qkv, { offsets: offsets(0, 3), heads: 2 })).toThrow(
      "[selfAttention] offsets end at 3, but qkv has 4 tokens",
    );
    const table = rotaryTable({ positions: 4, dim: 16, base });
    expect(() => selfAttention(qkv, { offsets: offsets(0, 4), heads: 2, rotary: table })).toThrow(
      "[selfAttention] cos has shape [4, 8], but [positions, 4] is needed",
    );
  });

  test("a sequence longer than the rotary table is named when its result is read", async () => {
    const y = read(() => {
      const table = rotaryTable({ positions: 3, dim: 8, base });
      return selfAttention(Tensor.zeros([6, 24]), { offsets: offsets(0, 2, 6), heads: 1, rotary: table });
    });
    await expect(y).rejects.toThrow(
      "sequence 1 stands at positions 0 to 3, but the rotary table has 3. Make a longer table",
    );
  });
});
