import { logsumexp, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { logsumexp64, reduce64 } from "../../support/reduce64.ts";

const shapes: [number[], number][] = [
  [[1], 0],
  [[2, 31], -1],
  [[3, 32], -1],
  [[5, 33], 1],
  [[2, 1500], 1],
  [[31, 33], 0],
  [[70, 65], 0],
  [[3, 4, 5], 1],
  [[0, 5], -1],
];
const axisOf = (name: string) => Number(name.split("axis ")[1]);

checkOp("logsumexp", {
  op: ([x], _, name) => logsumexp(x!, axisOf(name)),
  reference: ([x], name) => reduce64(x!, axisOf(name), logsumexp64),
  cases: shapes.map(([shape, axis]) => ({
    name: `[${shape.join(", ")}] over axis ${axis}`,
    inputs: [normal(shape, 11, 2)],
  })),
});

describe.each(levels)("logsumexp on %s", (level) => {
  const on = device(level);

  test("nothing, and nothing but -infinity, give -infinity", async () => {
    expect([...(await logsumexp(Tensor.zeros([2, 0], { device: on })).data())]).toEqual([-Infinity, -Infinity]);
    expect(await logsumexp(Tensor.from([-Infinity, -Infinity], { device: on })).item()).toBe(-Infinity);
    expect(await logsumexp(Tensor.from([Infinity, 0], { device: on })).item()).toBe(Infinity);
  });

  test("a row of -infinity has no gradient", async () => {
    const x = Tensor.from([-Infinity, -Infinity], { device: on, requiresGrad: true });
    logsumexp(x).backward();
    expect([...(await x.grad!.data())]).toEqual([0, 0]);
  });

  test("its gradient does not suffer from large scores", async () => {
    const x = Tensor.from([1e4, 1e4, 1e4], { device: on, requiresGrad: true });
    logsumexp(x, 0, { keepDims: true }).backward();
    for (const share of await x.grad!.data()) expect(share).toBeCloseTo(1 / 3, 6);
  });
});
