import { appendToCache, cachedAttention, type Device, rotaryTable, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { attention64, offsetsOf, rotary64 } from "../../support/attention64.ts";
import { expectClose, roundToBfloat16 } from "../../support/check-op.ts";
import { cpuOnly, device, levels } from "../../support/devices.ts";

interface Setting {
  /** Per sequence: tokens in the cache, and new ones. */
  readonly before: readonly number[];
  readonly tokens: readonly number[];
  readonly heads: number;
  readonly kvHeads: number;
  readonly dim: number;
  readonly capacity: number;
  readonly left?: number;
  readonly rotated?: boolean;
}

const settings: Record<string, Setting> = {
  "one new token behind 0, 1, 31, 32, 33 and 7": {
    ...{ before: [0, 1, 31, 32, 33, 7], tokens: [1, 1, 1, 1, 1, 0] },
    ...{ heads: 2, kvHeads: 2, dim: 16, capacity: 40 },
  },
  "grouped queries": { before: [20, 5], tokens: [1, 1], heads: 6, kvHeads: 2, dim: 24, capacity: 21 },
  "head size 64": { before: [70], tokens: [1], heads: 3, kvHeads: 1, dim: 64, capacity: 100 },
  "head size 40, five query heads": { before: [30, 8], tokens: [1, 2], heads: 5, kvHeads: 1, dim: 40, capacity: 64 },
  "head size 128, parts": { before: [700], tokens: [2], heads: 2, kvHeads: 1, dim: 128, capacity: 1100 },
  "head size 256": { before: [40], tokens: [1], heads: 6, kvHeads: 1, dim: 256, capacity: 50 },
  "without rotation": { before: [9], tokens: [1], heads: 1, kvHeads: 1, dim: 8, capacity: 10, rotated: false },
  "a ring as long as the window": {
    ...{ before: [3, 8, 7, 30, 0], tokens: [1, 1, 1, 1, 1] },
    ...{ heads: 2, kvHeads: 1, dim: 8, capacity: 8, left: 7 },
  },
  "a decoder's window": { before: [200], tokens: [1], heads: 1, kvHeads: 1, dim: 64, capacity: 64, left: 63 },
  "a ring longer than the window": { before: [50], tokens: [1], heads: 1, kvHeads: 1, dim: 8, capacity: 13, left: 5 },
  "several new tokens": { before: [5, 0, 12], tokens: [4, 9, 1], heads: 2, kvHeads: 1, dim: 16, capacity: 16 },
  "several new tokens and a ring": {
    ...{ before: [5, 0, 12, 40], tokens: [30, 9, 1, 8] },
    ...{ heads: 2, kvHeads: 1, dim: 16, capacity: 8, left: 7 },
  },
  "several parts of keys": {
    ...{ before: [2500, 1023, 1024, 40], tokens: [1, 1, 3, 1] },
    ...{ heads: 2, kvHeads: 1, dim: 8, capacity: 2600 },
  },
  "a window longer than a part": {
    ...{ before: [2500, 90], tokens: [1, 2], heads: 1, kvHeads: 1, dim: 8, capacity: 1500, left: 1400 },
  },
};

const base = 100;
const angle = (dim: number) => (position: number, j: number) =>
  Math.fround(position * Math.fround(1 / Math.fround(base ** Math.fround((2 * j) / dim))));
const sum = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
const widthOf = ({ heads, kvHeads, dim }: Setting) => (heads + 2 * kvHeads) * dim;

/** qkv rows of whole sequences. */
const rowsOf = (setting: Setting): Array64[] =>
  setting.before.map((n, b) => normal([n + setting.tokens[b]!, widthOf(setting)], 10 + b));

/** What the new tokens get when each sequence is computed as a whole, in float64. */
function reference(setting: Setting, rows: readonly Array64[]): number[] {
  const { before, tokens, heads, kvHeads, dim, left = -1, rotated = true } = setting;
  return rows.flatMap((qkv, b) => {
    const all = before[b]! + tokens[b]!;
    const part = (first: number, count: number, start = 0) =>
      array64([all - start, count, dim], (i) => {
        const [t, rest] = [Math.floor(i / (count * dim)), i % (count * dim)];
        return qkv.data[(start + t) * widthOf(setting) + first * dim + rest]!;
      });
    const turn = (x: Array64, n: number, start = 0) => (rotated ? rotary64(x, [0, n], angle(dim), [start]) : x);
    const q = turn(part(0, heads, before[b]!), tokens[b]!, before[b]!);
    const [k, v] = [turn(part(heads, kvHeads), all), part(heads + kvHeads, kvHeads)];
    const { y } = attention64(q, k, v, [0, tokens[b]!], [0, all], { causal: true, window: [left, -1] });
    return Array.from(y.data);
  });
}

const int32 = (values: readonly number[], on: Device) => Tensor.from(Int32Array.from(values), { device: on });

/** Fills a cache with the tokens before, then runs the op on the new ones, for the sequences in `chosen`. */
function run(
  on: Device,
  setting: Setting,
  rows: readonly Array64[],
  dtype: "float32" | "bfloat16",
  chosen = rows.map((_, b) => b),
): Promise<Float32Array> {
  const { heads, kvHeads, dim, capacity, left = -1, rotated = true } = setting;
  const [before, tokens] = [chosen.map((b) => setting.before[b]!), chosen.map((b) => setting.tokens[b]!)];
  const width = widthOf(setting);
  const reads = tensorScope(() => {
    const shape = [chosen.length + 1, kvHeads, capacity, dim];
    const [keys, values] = [1, 2].map((n) => Tensor.full(shape, n * 1e3, { device: on, dtype })) as [Tensor, Tensor];
    const positions = Math.max(1, ...before.map((n, i) => n + tokens[i]!));
    const table = rotaryTable({ positions, dim, base, device: on });
    const qkv = (part: (b: number) => readonly [number, number]) => {
      const data = chosen.flatMap((b) => {
        const [from, to] = part(b);
        return Array.from(rows[b]!.data).slice(from * width, to * width);
      });
      return Tensor.from(Float32Array.from(data), { shape: [data.length / width, width], device: on, dtype });
    };
    const place = (starts: readonly number[], counts: readonly number[]) => ({
      ...{ keys, values, heads, left },
      offsets: int32(offsetsOf(counts), on),
      slots: int32(
        chosen.map((_, i) => chosen.length - i),
        on,
      ), // from the last down: slot 0 stays free
      lengths: int32(starts, on),
      ...(rotated && { rotary: table }),
    });
    appendToCache(
      qkv((b) => [0, setting.before[b]!]),
      place(
        before.map(() => 0),
        before,
      ),
    );
    const fresh = qkv((b) => [setting.before[b]!, setting.before[b]! + setting.tokens[b]!]);
    return [cachedAttention(fresh, place(before, tokens)).data()];
  });
  return reads[0] as Promise<Float32Array>;
}

describe.each(levels)("cachedAttention on %s", (level) => {
  test.each(Object.entries(settings))("%s: agrees with whole sequences in float64", async (_, setting) => {
    const rows = rowsOf(setting);
    expectClose(await run(device(level), setting, rows, "float32"), reference(setting, rows), 1e-5, "y");
  });

  test.each(Object.entries(settings))("%s: in bfloat16 agrees with float64", async (_, setting) => {
    const rows = rowsOf(setting).map((x) => array64(x.shape, (i) => roundToBfloat16(x.data[i]!)));
    // keys are rounded once more, after their rotation
    expectClose(await run(device(level), setting, rows, "bfloat16"), reference(setting, rows), 2 ** -6, "y");
  });
});

// A GPU cuts keys into parts by how many tokens there are.
describe.each(cpuOnly)("cachedAttention on %s", (level) => {
  test("the bits are the same with 1, 2 and 3 threads", async () => {
    for (const [name, setting] of Object.entries(settings)) {
      const rows = rowsOf(setting);
      const one = await run(device(level, 1), setting, rows, "float32");
      for (const threads of [2, 3]) {
        expect(await run(device(level, threads), setting, rows, "float32"), name).toEqual(one);
      }
    }
  });

  test("a sequence has the same bits alone and beside others", async () => {
    for (const [name, setting] of Object.entries(settings)) {
      const rows = rowsOf(setting);
      const together = await run(device(level), setting, rows, "float32");
      const width = setting.heads * setting.dim;
      for (const b of rows.keys()) {
        const alone = await run(device(level), setting, rows, "float32", [b]);
        const start = sum(setting.tokens.slice(0, b)) * width;
        expect(together.subarray(start, start + alone.length), `${name}, sequence ${b}`).toEqual(alone);
      }
    }
  });
});

describe.each(levels)("numbers that do not fit the cache on %s", (level) => {
  const on = device(level);
  const int = (...values: number[]) => Tensor.from(Int32Array.from(values), { device: on });
  const rotary = (positions: number) => rotaryTable({ positions, dim: 8, base, device: on });

  interface Wrong {
    readonly slots?: number[];
    readonly lengths?: number[];
    readonly tokens?: number;
    readonly positions?: number;
  }

  test.each<[string, Wrong, string]>([
    ["a slot", { slots: [2] }, "sequence 0 has slot 2, but the cache has 2. Pass slots 0 to 1"],
    ["a slot, with rotation", { slots: [2], positions: 9 }, "sequence 0 has slot 2, but the cache has 2"],
    ["tokens", { tokens: 2 }, "sequence 0 has 3 tokens and gets 2, but a slot holds 4"],
    ["a length, with rotation", { lengths: [-1], positions: 9 }, "sequence 0 has -1 tokens"],
    ["a position", { positions: 3 }, "sequence 0 stands at positions 3 to 3"],
  ])(
    "are named when the result is read: %s",
    async (_, { slots = [0], lengths = [3], tokens = 1, positions }, message) => {
      const [y] = tensorScope(() => {
        const cache = () => Tensor.zeros([2, 1, 4, 8], { device: on });
        const place = { keys: cache(), values: cache(), offsets: int(0, tokens), slots: int(...slots), heads: 2 };
        const more = { lengths: int(...lengths), ...(positions && { rotary: rotary(positions) }) };
        return [cachedAttention(Tensor.zeros([tokens, 32], { device: on }), { ...place, ...more }).data()];
      });
      await expect(y).rejects.toThrow(message);
    },
  );
});

describe("cachedAttention's errors", () => {
  const call = (change: Partial<Parameters<typeof cachedAttention>[1]>) =>
    tensorScope(() => {
      const int = (...values: number[]) => Tensor.from(Int32Array.from(values));
      const cache = () => Tensor.zeros([2, 1, 4, 8]);
      const place = {
        keys: cache(),
        values: cache(),
        offsets: int(0, 1),
        slots: int(0),
        lengths: int(3),
        heads: 2,
      };
      return [cachedAttention(Tensor.zeros([1, 32]), { ...place, ...change }).data()];
    })[0]!;

  test("name the argument and the numbers", () => {
    expect(() => call({ heads: 3 })).toThrow("[cachedAttention] qkv has shape [1, 32], but [tokens, 40] is needed");
    expect(() => call({ left: 4 })).toThrow("[cachedAttention] left is 4, and the cache holds 4 tokens of a sequence");
    expect(() => call({ slots: Tensor.from(Int32Array.of(0, 1)) })).toThrow(
      "[cachedAttention] slots has shape [2], but [1] is needed",
    );
    expect(() => call({ keys: Tensor.zeros([2, 1, 4, 8], { dtype: "bfloat16" }) })).toThrow(
      "[cachedAttention] keys [2, 1, 4, 8] is bfloat16, but float32 is needed",
    );
    const two = (...values: number[]) => Tensor.from(Int32Array.from(values));
    expect(() => call({ slots: two(1, 1), lengths: two(0, 0), offsets: two(0, 1, 1) })).toThrow(
      "[cachedAttention] slots 1, 1 name one twice",
    );
  });

  test("a gradient that would be lost is an error", () => {
    const int = (...values: number[]) => Tensor.from(Int32Array.from(values));
    const cache = () => Tensor.zeros([1, 1, 4, 8]);
    const qkv = Tensor.from(new Float32Array(24), { shape: [1, 24], requiresGrad: true });
    const place = { keys: cache(), values: cache(), offsets: int(0, 1), slots: int(0), lengths: int(0), heads: 1 };
    expect(() => cachedAttention(qkv, place)).toThrow("[cachedAttention] qkv wants a gradient");
  });
});
