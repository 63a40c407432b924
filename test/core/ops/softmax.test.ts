import { softmax, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { normal, uniform } from "../../support/array64.ts";
import { checkOp, expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { along64, softmax64 } from "../../support/reduce64.ts";

const shapes: [number[], number][] = [
  [[1], 0],
  [[3, 1], -1],
  [[2, 31], -1],
  [[3, 32], -1],
  [[5, 33], 1],
  [[2, 150], -1],
  [[2, 1500], -1],
  [[31, 33], 0],
  [[70, 65], 0],
  [[3, 4, 5], 1],
  [[0, 5], -1],
  [[5, 0], -1],
];
const nameOf = (shape: number[], axis: number) => `[${shape.join(", ")}] over axis ${axis}`;
const axisOf = (name: string) => Number(name.split("axis ")[1]);

checkOp("softmax", {
  op: ([x], _, name) => softmax(x!, axisOf(name)),
  reference: ([x], name) => along64(x!, axisOf(name), softmax64),
  cases: shapes.map(([shape, axis]) => ({ name: nameOf(shape, axis), inputs: [normal(shape, 9, 2)] })),
});

describe.each(levels)("softmax on %s", (level) => {
  const on = device(level);

  test("equal scores share equally, however large", async () => {
    const x = Tensor.from([0, 0, 0, 0, 1e4, 1e4, 1e4, 1e4, -3e38, -3e38, -3e38, -3e38], { device: on });
    expect([...(await softmax(x.viewAs([3, 4])).data())]).toEqual(new Array(12).fill(0.25)); // 1 / 4
  });

  test("a masked score takes nothing, and a row of masked scores is zeros", async () => {
    const masked = -Infinity;
    const x = Tensor.from([masked, 1, 1, masked, masked, masked], { device: on });
    const expected = [0, 0.5, 0.5, 0, 0, 0];
    expect([...(await softmax(x.viewAs([2, 3]), 1).data())]).toEqual(expected);
    const columns = Tensor.from([masked, masked, 1, masked, 1, masked], { device: on });
    expect([...(await softmax(columns.viewAs([3, 2]), 0).data())]).toEqual([0, 0, 0.5, 0, 0.5, 0]);
  });

  test("a NaN spoils its own row only", async () => {
    const x = Tensor.from([NaN, 1, 2, 1, 1, 1], { device: on }).viewAs([2, 3]);
    const [a, b, c, ...rest] = await softmax(x).data();
    expect([a, b, c]).toEqual([NaN, NaN, NaN]);
    expectClose(rest, [1 / 3, 1 / 3, 1 / 3], 1e-6, "the other row");
  });

  test("scores 80 apart keep their ratio", async () => {
    // e^-80 = 1.8048513878454153e-35
    const [small] = await softmax(Tensor.from([-80, 0], { device: on })).data();
    expect(small! / 1.8048513878454153e-35).toBeCloseTo(1, 4);
  });

  test("a row of a vocabulary adds up to 1", async () => {
    const x = uniform([2, 50_368], -5, 5, 4);
    const expected = along64(x, 1, softmax64);
    const tensor = Tensor.from(Float32Array.from(x.data), { shape: x.shape, device: on });
    expectClose(await softmax(tensor).data(), expected.data, 1e-5, "forward");
  });
});
