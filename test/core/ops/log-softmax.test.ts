import { logSoftmax, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { along64, logsumexp64 } from "../../support/reduce64.ts";

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

checkOp("logSoftmax", {
  op: ([x], _, name) => logSoftmax(x!, axisOf(name)),
  reference: ([x], name) =>
    along64(x!, axisOf(name), (values) => {
      const lse = logsumexp64(values);
      return values.map((value) => value - lse);
    }),
  cases: shapes.map(([shape, axis]) => ({
    name: `[${shape.join(", ")}] over axis ${axis}`,
    inputs: [normal(shape, 10, 2)],
  })),
});

describe.each(levels)("logSoftmax on %s", (level) => {
  const on = device(level);

  test("equal scores of any size have log(1 / n)", async () => {
    const x = Tensor.from([1e4, 1e4, 1e4, 1e4], { device: on });
    for (const value of await logSoftmax(x).data()) expect(value).toBeCloseTo(-Math.log(4), 6);
  });

  test("a row of masked scores stays masked", async () => {
    const x = Tensor.from([-Infinity, -Infinity], { device: on });
    expect([...(await logSoftmax(x).data())]).toEqual([-Infinity, -Infinity]);
  });
});
