import { sum, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal, uniform } from "../../support/array64.ts";
import { checkOp, expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { reduce64 } from "../../support/reduce64.ts";

const cases: { name: string; shape: number[]; axes: number | number[] | undefined }[] = [
  { name: "[1] over all", shape: [1], axes: undefined },
  { name: "[31] over all", shape: [31], axes: undefined },
  { name: "[3, 32] over the last axis", shape: [3, 32], axes: -1 },
  { name: "[5, 133] over the last axis", shape: [5, 133], axes: 1 },
  { name: "[33, 31] over the first axis", shape: [33, 31], axes: 0 },
  { name: "[300, 3] over the first axis", shape: [300, 3], axes: 0 },
  { name: "[2, 2500] over the last axis", shape: [2, 2500], axes: 1 },
  { name: "[3, 4, 5] over the middle axis", shape: [3, 4, 5], axes: 1 },
  { name: "[2, 600, 8] over the middle axis", shape: [2, 600, 8], axes: 1 },
  { name: "[3, 4, 5] over the first two axes", shape: [3, 4, 5], axes: [0, 1] },
  { name: "[3, 4, 5] over the outer axes", shape: [3, 4, 5], axes: [-1, 0] },
  { name: "[0, 4] over the first axis", shape: [0, 4], axes: 0 },
  { name: "[4, 0] over the first axis", shape: [4, 0], axes: 0 },
];
const axesOf = (name: string) => cases.find((c) => c.name === name)!.axes;

checkOp("sum", {
  op: ([x], _, name) => sum(x!, axesOf(name)),
  reference: ([x], name) => reduce64(x!, axesOf(name), (values) => values.reduce((a, b) => a + b, 0)),
  cases: cases.map(({ name, shape }) => ({ name, inputs: [normal(shape, 7)] })),
});

describe.each(levels)("sum on %s", (level) => {
  const on = device(level);
  const tensor = (x: Array64, dtype: "float32" | "bfloat16" = "float32") =>
    Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on, dtype });

  test("keepDims leaves ones in the shape", () => {
    const x = Tensor.from(new Float32Array(24), { shape: [2, 3, 4], device: on });
    expect(sum(x, [0, 2], { keepDims: true }).shape).toEqual([1, 3, 1]);
    expect(sum(x, [0, 2]).shape).toEqual([3]);
    expect(sum(x).shape).toEqual([]);
  });

  test("a long sum is as good as a short one", async () => {
    const x = uniform([300_000], 0, 1, 3);
    const exact = x.data.reduce((a, b) => a + b, 0);
    expectClose(await sum(tensor(x)).data(), [exact], 3e-7, "one row");
    const columns = { shape: [100_000, 3], data: x.data };
    const expected = [0, 1, 2].map((c) => x.data.reduce((a, b, i) => (i % 3 === c ? a + b : a), 0));
    expectClose(await sum(tensor(columns), 0).data(), expected, 3e-7, "columns");
  });

  test("a row has the same bits alone and among others", async () => {
    const rows = normal([9, 70_001], 5);
    const together = await sum(tensor(rows), 1).data();
    for (const r of [0, 8]) {
      const row = array64([1, 70_001], (i) => rows.data[r * 70_001 + i]!);
      expect((await sum(tensor(row), 1).data())[0]).toBe(together[r]);
    }
  });

  test("infinity and NaN come through", async () => {
    const x = Tensor.from([Infinity, 1, -Infinity, 1, NaN, 1], { device: on }).viewAs([3, 2]);
    expect([...(await sum(x, 1).data())]).toEqual([Infinity, -Infinity, NaN]);
  });
});

test("an axis that is not there is named in the error", () => {
  const x = Tensor.from([[1, 2]]);
  expect(() => sum(x, 2)).toThrow("[sum] axis is 2, but x has shape [1, 2]. Pass a whole number from -2 to 1.");
  expect(() => sum(x, [0, -2])).toThrow("[sum] axes [0, -2] name one twice");
});
