import { mean, Tensor } from "@ettin/core";
import { expect, test } from "vitest";
import { normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { reduce64 } from "../../support/reduce64.ts";

const cases: { name: string; shape: number[]; axes: number | number[] | undefined }[] = [
  { name: "[1] over all", shape: [1], axes: undefined },
  { name: "[3, 31] over all", shape: [3, 31], axes: undefined },
  { name: "[5, 33] over the last axis", shape: [5, 33], axes: -1 },
  { name: "[32, 33] over the first axis", shape: [32, 33], axes: 0 },
  { name: "[600, 2] over the first axis", shape: [600, 2], axes: 0 },
  { name: "[3, 4, 5] over the outer axes", shape: [3, 4, 5], axes: [0, 2] },
];
const axesOf = (name: string) => cases.find((c) => c.name === name)!.axes;

checkOp("mean", {
  op: ([x], _, name) => mean(x!, axesOf(name)),
  reference: ([x], name) => reduce64(x!, axesOf(name), (values) => values.reduce((a, b) => a + b, 0) / values.length),
  cases: cases.map(({ name, shape }) => ({ name, inputs: [normal(shape, 8)] })),
});

test("a mean of nothing is NaN", async () => {
  expect(await mean(Tensor.zeros([0])).item()).toBeNaN(); // 0 / 0
});
