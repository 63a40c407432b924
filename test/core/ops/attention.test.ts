import { attention, KernelError, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import {
  expectFormula,
  inputsOf,
  options,
  reference,
  rounded,
  run,
  type Setting,
  tensor,
} from "../../support/attention-case.ts";
import { checkOp, expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { read } from "../../support/read.ts";

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

checkOp("attention", {
  op: ([q, k, v], on, name) => attention(q!, k!, v!, options(settings[name]!, on)),
  reference: (inputs, name) => reference(inputs, settings[name]!).y,
  cases: Object.entries(settings).map(([name, setting]) => ({ name, inputs: inputsOf(setting) })),
});

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
    // blocks of 128 rows, which a GPU has when there are enough of them
    "head size 64, long sequences": { queries: [150, 170], heads: [4, 2], dim: 64, window: [40, 20] },
    "head size 56, long and causal": { queries: [133], keys: [260], heads: [4, 2], dim: 56, causal: true },
    "many short sequences": { queries: Array.from({ length: 75 }, (_, i) => (i * 7) % 5), dim: 64, causal: true },
    "a window of the own key alone": { queries: [70], heads: [2, 1], dim: 16, window: [0, 0] },
  };
  test.each(Object.entries(tiled))("%s: agrees with the formula in several tiles", (_, setting) =>
    expectFormula(setting, on),
  );

  test("in bfloat16 a head has the same bits alone and among many", async () => {
    const [T, heads, dim] = [500, 68, 64]; // so many rows are more to a block
    const x = rounded(normal([T, 1, dim], 1));
    const [one, many] = (await Promise.all(
      tensorScope(() => {
        const rows = tensor(x, on, false, "bfloat16");
        return [1, heads].map((n) => {
          const same = rows.viewAs([T, n, dim], [dim, 0, 1], 0); // every head is the first
          return attention(same, same, same, options({ queries: [244, 256], window: [8, 8] }, on)).data();
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
