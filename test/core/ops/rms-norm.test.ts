import { add, addRmsNorm, rmsNorm, sum, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp, expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

function reference([x, weight]: readonly (Array64 | undefined)[], eps = 1e-6): Array64 {
  const C = x!.shape.at(-1)!;
  const y = array64(x!.shape);
  for (let start = 0; start < y.data.length; start += C) {
    const row = x!.data.subarray(start, start + C);
    const square = row.reduce((a, b) => a + b * b, 0) / C;
    for (let c = 0; c < C; c++) y.data[start + c] = (row[c]! / Math.sqrt(square + eps)) * (weight?.data[c] ?? 1);
  }
  return y;
}

const shapes = [
  [1, 2],
  [3, 31],
  [2, 32],
  [4, 33],
  [1, 150],
  [260, 5],
  [2, 3, 7],
  [0, 8],
];
const wide = [
  [40, 384],
  [3, 512],
  [2, 1792],
  [1, 3072],
];
const inputs = (shape: number[]) => [normal(shape, 31, 2), normal([shape.at(-1)!], 32)];
const nameOf = (shape: number[]) => `[${shape.join(", ")}]`;

checkOp("rmsNorm with a weight", {
  op: ([x, w]) => rmsNorm(x!, w!),
  reference: (arrays) => reference(arrays),
  cases: [...shapes, ...wide].map((shape) => ({ name: nameOf(shape), inputs: inputs(shape) })),
  float32Inputs: [1],
});
checkOp("rmsNorm without a weight", {
  op: ([x]) => rmsNorm(x!, null, { eps: 1e-3 }),
  reference: (arrays) => reference(arrays, 1e-3),
  cases: shapes.map((shape) => ({ name: nameOf(shape), inputs: inputs(shape).slice(0, 1) })),
});
checkOp("addRmsNorm", {
  op([x, r, w]) {
    const fused = addRmsNorm(x!, r!, w!);
    return add(fused.y, fused.sum); // a gradient comes back through both results
  },
  reference([x, r, w]) {
    const s = array64(x!.shape, (i) => x!.data[i]! + r!.data[i]!);
    const y = reference([s, w]);
    return array64(x!.shape, (i) => y.data[i]! + s.data[i]!);
  },
  cases: [
    [3, 31],
    [130, 33],
    [40, 256],
    [3, 1536],
  ].map((shape) => ({ name: nameOf(shape), inputs: [inputs(shape)[0]!, normal(shape, 33), inputs(shape)[1]!] })),
  float32Inputs: [2],
});

describe.each(levels)("rmsNorm on %s", (level) => {
  const on = device(level);
  const tensor = (x: Array64, dtype: "float32" | "bfloat16" = "float32") =>
    Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on, dtype });

  test.each(["float32", "bfloat16"] as const)("the fused residual gives the bits of two ops in %s", async (dtype) => {
    const x = tensor(normal([5, 70], 34), dtype);
    const r = tensor(normal([5, 70], 35), dtype);
    const s = add(x, r);
    const fused = addRmsNorm(x, r);
    expect([...(await fused.sum.data())]).toEqual([...(await s.data())]);
    expect([...(await fused.y.data())]).toEqual([...(await rmsNorm(s).data())]);
  });

  test("a sum that alone is used passes its gradient to both inputs", async () => {
    const [x, r] = [1, 2].map((value) => Tensor.full([2, 3], value, { device: on, requiresGrad: true }));
    sum(addRmsNorm(x!, r!).sum).backward();
    expect([...(await x!.grad!.data())]).toEqual([1, 1, 1, 1, 1, 1]);
    expect([...(await r!.grad!.data())]).toEqual([1, 1, 1, 1, 1, 1]);
    for (const leaf of [x, r]) leaf!.dispose();
  });

  test("a positive factor changes nothing", async () => {
    const x = normal([3, 40], 36);
    const eightfold = { shape: x.shape, data: x.data.map((value) => 8 * value) };
    expectClose(await rmsNorm(tensor(eightfold)).data(), await rmsNorm(tensor(x)).data(), 1e-6, "forward");
  });
});
