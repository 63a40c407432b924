import { add, addLayerNorm, layerNorm, sum, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp, expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

function reference([x, weight, bias]: readonly (Array64 | undefined)[], eps = 1e-5): Array64 {
  const C = x!.shape.at(-1)!;
  const y = array64(x!.shape);
  for (let start = 0; start < y.data.length; start += C) {
    const row = x!.data.subarray(start, start + C);
    const mean = row.reduce((a, b) => a + b, 0) / C;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / C;
    for (let c = 0; c < C; c++) {
      const n = (row[c]! - mean) / Math.sqrt(variance + eps);
      y.data[start + c] = n * (weight?.data[c] ?? 1) + (bias?.data[c] ?? 0);
    }
  }
  return y;
}

// two channels have n = ±1 whatever x is, and one has n = 0: their gradients vanish
const shapes = [
  [3, 31],
  [2, 32],
  [4, 33],
  [1, 150],
  [260, 5],
  [2, 3, 7],
  [0, 8],
];
const wide = [
  [40, 256],
  [33, 384],
  [3, 768],
  [2, 1024],
  [2, 1792],
  [1, 4096],
];
const inputs = (shape: number[], vectors: number) => {
  const C = shape.at(-1)!;
  return [normal(shape, 23, 2), normal([C], 24), normal([C], 25)].slice(0, 1 + vectors);
};
const named = (vectors: number, of = shapes) =>
  of.map((shape) => ({ name: `[${shape.join(", ")}]`, inputs: inputs(shape, vectors) }));

checkOp("layerNorm with weight and bias", {
  op: ([x, w, b]) => layerNorm(x!, w!, b!),
  reference: (arrays) => reference(arrays),
  cases: named(2, [...shapes, ...wide]),
  float32Inputs: [1, 2],
});
checkOp("layerNorm with a weight", {
  op: ([x, w]) => layerNorm(x!, w!),
  reference: (arrays) => reference(arrays),
  cases: named(1),
});
checkOp("layerNorm without weights", {
  op: ([x]) => layerNorm(x!, null, null, { eps: 1e-3 }),
  reference: (arrays) => reference(arrays, 1e-3),
  cases: named(0),
});

// the norm plus the sum itself: a gradient comes back through both results
const added = ([x, r, w, b]: readonly Array64[]): Array64 => {
  const s = array64(x!.shape, (i) => x!.data[i]! + r!.data[i]!);
  const y = reference([s, w, b]);
  return array64(x!.shape, (i) => y.data[i]! + s.data[i]!);
};
checkOp("addLayerNorm", {
  op([x, r, w, b]) {
    const fused = addLayerNorm(x!, r!, w!, b!);
    return add(fused.y, fused.sum);
  },
  reference: added,
  cases: [
    [3, 31],
    [130, 33],
    [40, 256],
    [3, 1536],
  ].map((shape) => {
    const [x, w, b] = inputs(shape, 2);
    return { name: `[${shape.join(", ")}]`, inputs: [x!, normal(shape, 26), w!, b!] };
  }),
  float32Inputs: [2, 3],
});

describe.each(levels)("layerNorm on %s", (level) => {
  const on = device(level);
  const tensor = (x: Array64, dtype: "float32" | "bfloat16" = "float32") =>
    Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on, dtype, requiresGrad: true });

  test.each(["float32", "bfloat16"] as const)("the fused residual gives the bits of two ops in %s", async (dtype) => {
    const [x, w, b] = inputs([5, 70], 2).map((a, i) => tensor(a, i === 0 ? dtype : "float32"));
    const r = tensor(normal([5, 70], 27), dtype);
    const s = Tensor.empty([5, 70], { device: on }, dtype);
    on.backend.add(s, x!, r);
    const fused = addLayerNorm(x!, r, w!, b!);
    expect([...(await fused.sum.data())]).toEqual([...(await s.data())]);
    expect([...(await fused.y.data())]).toEqual([...(await layerNorm(s, w!, b!).data())]);
  });

  test("a shift of the input changes nothing", async () => {
    const x = normal([4, 100], 28);
    const shifted = { shape: x.shape, data: x.data.map((value) => value + 1024) };
    const rounded = { shape: x.shape, data: shifted.data.map((value) => Math.fround(value) - 1024) };
    expectClose(await layerNorm(tensor(shifted)).data(), reference([rounded]).data, 1e-4, "forward");
  });

  test("a constant row becomes the bias", async () => {
    const x = Tensor.full([2, 40], 3, { device: on });
    const bias = tensor(normal([40], 29));
    const y = await layerNorm(x, null, bias).data();
    expect([...y.subarray(40)]).toEqual([...(await bias.data())]);
  });

  test("a row has the same bits alone and among others", async () => {
    const x = normal([70, 45], 30);
    const together = await layerNorm(tensor(x)).data();
    const alone = await layerNorm(tensor({ shape: [1, 45], data: x.data.slice(69 * 45) })).data();
    expect([...alone]).toEqual([...together.subarray(69 * 45)]);
  });

  test("gradients of weights add up over passes", async () => {
    const [x, w, b] = inputs([3, 20], 2).map((a) => tensor(a));
    sum(layerNorm(x!, w!, b!)).backward();
    const once = await w!.grad!.data();
    const { grad } = w!;
    sum(layerNorm(x!, w!, b!)).backward();
    expect(w!.grad).toBe(grad);
    expectClose(
      await w!.grad!.data(),
      once.map((value) => 2 * value),
      1e-6,
      "dweight",
    );
    expect([...(await b!.grad!.data())]).toEqual(new Array(20).fill(6)); // 3 rows, twice
    for (const leaf of [x, w, b]) leaf!.dispose();
  });
});

test("a weight of another size is named", () => {
  expect(() => layerNorm(Tensor.zeros([2, 3]), Tensor.zeros([4]))).toThrow(
    "[layerNorm] weight has shape [4], but [3] is needed",
  );
});
