import { type AttentionDropout, attention, type Device, KernelError, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { attention64, type Mask64, offsetsOf } from "../../support/attention64.ts";
import { checkOp, expectClose, roundToBfloat16 } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { keyOf, philox } from "../../support/philox.ts";
import { read } from "../../support/read.ts";

interface Setting extends Mask64 {
  readonly queries: readonly number[];
  readonly keys?: readonly number[];
  readonly heads?: readonly [heads: number, kvHeads: number];
  readonly dim?: number;
  readonly step?: number;
}

const settings: Record<string, Setting> = {
  "sequences of 1, 31, 32, 33 and no tokens": { queries: [0, 1, 31, 0, 32, 33, 0] },
  "causal, sequences of 1, 31, 32, 33 tokens": { queries: [1, 31, 32, 33], causal: true },
  "a window of 3 and 1 keys, sequences of 1, 31, 33 tokens": { queries: [1, 31, 33], window: [3, 1] },
  "a causal window of 4 keys": { queries: [33, 7], window: [3, 0], causal: true },
  "grouped queries": { queries: [17, 5], heads: [6, 2], causal: true },
  "fewer queries than keys, as with a cache": { queries: [1, 2, 3, 0], keys: [40, 2, 9, 5], causal: true },
  "fewer queries than keys, with a window": { queries: [1, 5], keys: [40, 33], window: [6, 2], heads: [2, 1] },
  "queries that see no key": { queries: [5, 4], keys: [3, 0], causal: true },
  "a scale of its own": { queries: [9], scale: 0.7 },
  "a negative scale": { queries: [9], scale: -0.7 },
  "no tokens at all": { queries: [0, 0] },
  "no sequences": { queries: [] },
  ...Object.fromEntries([24, 32, 40, 64].map((dim) => [`head size ${dim}`, { queries: [9, 13], heads: [2, 1], dim }])),
};

function inputsOf({ queries, keys = queries, heads: [heads, kvHeads] = [2, 2], dim = 8 }: Setting): Array64[] {
  const total = (lengths: readonly number[]) => lengths.reduce((a, b) => a + b, 0);
  return [
    normal([total(queries), heads, dim], 1),
    normal([total(keys), kvHeads, dim], 2),
    normal([total(keys), kvHeads, dim], 3),
  ];
}

const options = ({ queries, keys = queries, causal, window, scale }: Setting, on: Device) => ({
  queryOffsets: Tensor.from(Int32Array.from(offsetsOf(queries)), { device: on }),
  keyOffsets: Tensor.from(Int32Array.from(offsetsOf(keys)), { device: on }),
  ...(causal && { causal }),
  ...(window && { window }),
  ...(scale && { scale }),
});

const reference = (inputs: readonly Array64[], setting: Setting) => {
  const [q, k, v] = inputs as [Array64, Array64, Array64];
  const { queries, keys = queries } = setting;
  return attention64(q, k, v, offsetsOf(queries), offsetsOf(keys), setting);
};

checkOp("attention", {
  op: ([q, k, v], on, name) => attention(q!, k!, v!, options(settings[name]!, on)),
  reference: (inputs, name) => reference(inputs, settings[name]!).y,
  cases: Object.entries(settings).map(([name, setting]) => ({ name, inputs: inputsOf(setting) })),
});

type Dtype = "float32" | "bfloat16";

const tensor = (x: Array64, on: Device, requiresGrad = false, dtype: Dtype = "float32") =>
  Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on, requiresGrad, dtype });

const rounded = (x: Array64): Array64 => array64(x.shape, (i) => roundToBfloat16(x.data[i]!));

/** Forward and backward, with dy normal. In bfloat16 the inputs must be rounded. */
async function run(
  inputs: readonly Array64[],
  on: Device,
  call: (q: Tensor, k: Tensor, v: Tensor) => Tensor,
  dtype: Dtype = "float32",
) {
  const dy = dtype === "float32" ? normal(inputs[0]!.shape, 9) : rounded(normal(inputs[0]!.shape, 9));
  const reads = tensorScope(() => {
    const [q, k, v] = inputs.map((x) => tensor(x, on, true, dtype)) as [Tensor, Tensor, Tensor];
    const y = call(q, k, v);
    const read = y.data();
    y.backward({ gradient: tensor(dy, on, false, dtype) });
    return [read, ...[q, k, v].map((x) => x.grad!.data())];
  });
  const [y, dq, dk, dv] = (await Promise.all(reads)) as [Float32Array, Float32Array, Float32Array, Float32Array];
  return { y, dq, dk, dv, dyUsed: dy };
}

/** Forward and backward in both dtypes against the formula. */
async function expectFormula(setting: Setting, on: Device, dropout?: AttentionDropout): Promise<void> {
  for (const dtype of ["float32", "bfloat16"] as const) {
    const inputs = dtype === "float32" ? inputsOf(setting) : inputsOf(setting).map(rounded);
    const more = dropout ? { dropout } : {};
    const got = await run(inputs, on, (q, k, v) => attention(q, k, v, { ...options(setting, on), ...more }), dtype);
    const expected = reference(inputs, setting);
    const gradients = expected.backward(got.dyUsed);
    const tolerance = dtype === "float32" ? 1e-5 : 2 ** -7;
    expectClose(got.y, expected.y.data, tolerance, `y in ${dtype}`);
    expectClose(got.dq, gradients.dq.data, tolerance, `dq in ${dtype}`);
    expectClose(got.dk, gradients.dk.data, tolerance, `dk in ${dtype}`);
    expectClose(got.dv, gradients.dv.data, tolerance, `dv in ${dtype}`);
  }
}

describe.each(levels)("attention on %s", (level) => {
  const on = device(level);

  const larger: Record<string, Setting> = {
    "head size 128": { queries: [9, 40], heads: [2, 1], dim: 128 },
    "head size 256": { queries: [9, 40], heads: [2, 1], dim: 256 },
    "a window wider than a block of queries": { queries: [130], window: [64, 64] },
    "more keys than a tile of scores holds": { queries: [530], heads: [1, 1] },
    "more causal keys than a tile of scores holds": { queries: [530], heads: [1, 1], causal: true },
    "a window, cut into several tasks": { queries: [1050, 70], heads: [2, 1], window: [64, 64] },
    "a causal window, cut into several tasks": { queries: [1050], heads: [1, 1], window: [63, 0] },
    "a window too wide for a tile of scores": { queries: [540], heads: [1, 1], window: [300, 150] },
  };
  test.each(Object.entries(larger))("%s: agrees with the formula and its gradient", (_, setting) =>
    expectFormula(setting, on),
  );

  const tiled: Record<string, Setting> = {
    "head size 32, a causal window that cuts tiles": { queries: [150, 3, 65], dim: 32, window: [63, 0], causal: true },
    "head size 64, an encoder's window": { queries: [20, 200], heads: [2, 2], dim: 64, window: [64, 64] },
    "head size 64, grouped and causal": { queries: [130, 64], heads: [4, 2], dim: 64, causal: true },
    "head size 64, all keys": { queries: [129, 0, 70], heads: [1, 1], dim: 64 },
    "head size 40, all keys": { queries: [100, 65], heads: [2, 1], dim: 40 },
    "head size 128, causal": { queries: [90, 33], heads: [2, 1], dim: 128, causal: true },
    "head size 128, a narrow window": { queries: [100], heads: [1, 1], dim: 128, window: [5, 2] },
    "head size 136, all keys": { queries: [40], heads: [2, 1], dim: 136 },
    "head size 64, fewer queries than keys": { queries: [70, 1], keys: [200, 90], dim: 64, window: [90, 20] },
    "head size 64, more queries than keys": { queries: [150], keys: [70], heads: [1, 1], dim: 64, causal: true },
    "many short sequences": { queries: Array.from({ length: 75 }, (_, i) => (i * 7) % 5), dim: 64, causal: true },
    "a window of the own key alone": { queries: [70], heads: [2, 1], dim: 16, window: [0, 0] },
  };
  test.each(Object.entries(tiled))("%s: agrees with the formula in several tiles", (_, setting) =>
    expectFormula(setting, on),
  );

  test("in bfloat16 a head has the same bits alone and among many", async () => {
    const [T, heads, dim] = [1056, 32, 64];
    const x = rounded(normal([T, 1, dim], 1));
    const [one, many] = (await Promise.all(
      tensorScope(() => {
        const rows = tensor(x, on, false, "bfloat16");
        return [1, heads].map((n) => {
          const same = rows.viewAs([T, n, dim], [dim, 0, 1], 0); // every head is the first
          return attention(same, same, same, options({ queries: [500, 556], window: [8, 8] }, on)).data();
        });
      }),
    )) as [Float32Array, Float32Array];
    const differing = many.filter((y, i) => y !== one[Math.floor(i / (heads * dim)) * dim + (i % dim)]!);
    expect(differing.length).toBe(0);
  });

  test.each([
    ["causal", { causal: true }],
    ["causal in a window", { causal: true, window: [63, 0] as const }],
    ["in a window", { window: [64, 64] as const }],
  ])("one new query against cached keys has the bits of the full run's last row: %s", async (_, mask) => {
    for (const n of [1, 33, 130, 600]) {
      const [q, k, v] = inputsOf({ queries: [n], dim: 64 }) as [Array64, Array64, Array64];
      const [full, one] = await Promise.all(
        tensorScope(() => {
          const [qt, kt, vt] = [q, k, v].map((x) => tensor(x, on)) as [Tensor, Tensor, Tensor];
          const last = tensor({ shape: [1, 2, 64], data: q.data.slice((n - 1) * 128) }, on);
          return [
            attention(qt, kt, vt, { ...options({ queries: [n] }, on), ...mask }).data(),
            attention(last, kt, vt, { ...options({ queries: [1], keys: [n] }, on), ...mask }).data(),
          ];
        }),
      );
      expect(one).toEqual(full!.slice((n - 1) * 128));
    }
  });

  test("a sequence has the same bits alone and in any batch", async () => {
    const lengths = [5, 130, 40];
    const [q, k, v] = inputsOf({ queries: lengths, dim: 64 }) as [Array64, Array64, Array64];
    const alone = [q, k, v].map((x) => ({ shape: [130, 2, 64], data: x.data.slice(5 * 128, 135 * 128) }));
    const [batch, single] = await Promise.all(
      tensorScope(() => [
        attention(tensor(q, on), tensor(k, on), tensor(v, on), options({ queries: lengths }, on)).data(),
        attention(
          tensor(alone[0]!, on),
          tensor(alone[1]!, on),
          tensor(alone[2]!, on),
          options({ queries: [130] }, on),
        ).data(),
      ]),
    );
    expect(single).toEqual(batch!.slice(5 * 128, 135 * 128));
  });

  test("heads may lie inside wider rows", async () => {
    const rows = normal([33, 6, 8], 4);
    const head = (first: number, count: number) => ({
      shape: [33, count, 8],
      data: rows.data.filter((_, i) => Math.floor(i / 8) % 6 >= first && Math.floor(i / 8) % 6 < first + count),
    });
    const setting = { queries: [33] };
    const y = await read(() => {
      const x = tensor(rows, on);
      const view = (first: number) => x.viewAs([33, 2, 8], [48, 8, 1], first * 8);
      return attention(view(0), view(2), view(4), options(setting, on));
    });
    expectClose(y, reference([head(0, 2), head(2, 2), head(4, 2)], setting).y.data, 1e-5, "y");
  });

  test.each(["float32", "bfloat16"] as const)("rows may start anywhere in %s", async (dtype) => {
    const rows = rounded(normal([33, 50], 4));
    const head = (first: number, count: number) => {
      const width = count * 8;
      return array64([33, count, 8], (i) => rows.data[Math.floor(i / width) * 50 + first + (i % width)]!);
    };
    const setting: Setting = { queries: [33], heads: [2, 1] };
    const y = await read(() => {
      const x = tensor(rows, on, false, dtype);
      const view = (first: number, count: number) => x.viewAs([33, count, 8], [50, 8, 1], first);
      return attention(view(1, 2), view(19, 1), view(34, 1), options(setting, on));
    });
    const expected = reference([head(1, 2), head(19, 1), head(34, 1)], setting);
    expectClose(y, expected.y.data, dtype === "float32" ? 1e-5 : 2 ** -7, "y");
  });
});

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

// On a GPU tokens are rounded up to a few sizes; how many there are is known on the device alone.
describe.each(levels.filter((level) => level === "cuda"))("rows behind the last offset on %s", (level) => {
  const on = device(level);
  const rows = (x: Float32Array | Float64Array, from: number, to: number) => Array.from(x.slice(from * 32, to * 32));

  test.each(["float32", "bfloat16"] as const)("get zeros and no gradient in %s", async (dtype) => {
    const whole = inputsOf({ queries: [3, 87], dim: 16 }).map(rounded);
    const real = whole.map(({ shape, data }) => ({ shape: [70, ...shape.slice(1)], data: data.slice(0, 70 * 32) }));
    const setting: Setting = { queries: [3, 67], dim: 16 };
    const offsets = () => {
      const three = Tensor.from(Int32Array.of(0, 3, 90), { device: on });
      three.backend.copyInto(three, Tensor.from(Int32Array.of(70), { device: on }), 0, 2); // now [0, 3, 70]
      return three;
    };
    const call = (q: Tensor, k: Tensor, v: Tensor) =>
      attention(q, k, v, { queryOffsets: offsets(), keyOffsets: offsets() });
    const got = await run(whole, on, call, dtype);
    const expected = reference(real, setting);
    const gradients = expected.backward({ shape: [70, 2, 16], data: got.dyUsed.data.slice(0, 70 * 32) });
    const tolerance = dtype === "float32" ? 1e-5 : 2 ** -7;
    for (const [name, y, right] of [
      ["y", got.y, expected.y.data],
      ["dq", got.dq, gradients.dq.data],
      ["dk", got.dk, gradients.dk.data],
      ["dv", got.dv, gradients.dv.data],
    ] as const) {
      expectClose(rows(y, 0, 70), right, tolerance, name);
      expect(rows(y, 70, 90), name).toEqual(Array.from({ length: 20 * 32 }, () => 0));
    }
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

describe("attention's errors", () => {
  const x = (rows: number, heads: number, dim: number) => Tensor.zeros([rows, heads, dim]);
  const offsets = (...values: number[]) => Tensor.from(Int32Array.from(values));
  const call = (q: Tensor, k: Tensor, more: object = {}) => {
    const queryOffsets = offsets(0, q.shape[0]!);
    return attention(q, k, k, { queryOffsets, keyOffsets: offsets(0, k.shape[0]!), ...more });
  };

  test("name the argument and the numbers", () => {
    expect(() => call(x(3, 3, 8), x(3, 2, 8))).toThrow("[attention] 3 query heads do not share 2 key heads evenly");
    expect(() => call(x(3, 2, 12), x(3, 2, 12))).toThrow("[attention] the head size is 12");
    expect(() => call(x(3, 2, 8), x(3, 2, 16))).toThrow("[attention] k has shape [3, 2, 16]");
    expect(() => call(x(3, 2, 8), x(4, 2, 8), { keyOffsets: offsets(0, 3) })).toThrow(
      "[attention] keyOffsets end at 3, but k has 4 tokens",
    );
    expect(() => call(x(3, 2, 8), x(3, 2, 8), { window: [1.5, 0] })).toThrow("[attention] window is [1.5, 0]");
    expect(() => call(x(3, 2, 8), x(3, 2, 8), { dropout: { rate: 1, seed: 0, step: 0, site: 0 } })).toThrow(
      "[attention] dropout.rate is 1",
    );
  });

  test("offsets that only the device knows are checked there", async () => {
    const y = read(() => {
      const two = offsets(0, 2);
      two.backend.copyInto(two, offsets(5), 0, 1); // now [0, 5]
      return call(x(3, 2, 8), x(3, 2, 8), { queryOffsets: two });
    });
    await expect(y).rejects.toThrow(KernelError);
    await expect(y).rejects.toThrow("query offsets go from 0 to 5, but there are 3 rows");
  });
});
