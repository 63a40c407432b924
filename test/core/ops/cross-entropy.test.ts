import { crossEntropy, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { logsumexp64 } from "../../support/reduce64.ts";

// rows, classes, label smoothing
const sizes: [number, number, number][] = [
  [1, 1, 0],
  [3, 31, 0],
  [4, 32, 0.1],
  [5, 33, 0],
  [2, 150, 0.3],
  [33, 2, 1],
  [3, 1037, 0.1], // more threads to a row
  [2, 8999, 0],
];
const parse = (name: string) => JSON.parse(name) as [number, number, number];
const targetsOf = (rows: number, classes: number) => Int32Array.from({ length: rows }, (_, n) => (n * 7 + 3) % classes);
const int32 = (values: ArrayLike<number>, on: Tensor["device"]) => Tensor.from(Int32Array.from(values), { device: on });

function lossPerRow(scores: Float64Array, rows: number, classes: number, smoothing: number): number[] {
  const targets = targetsOf(rows, classes);
  return Array.from({ length: rows }, (_, n) => {
    const row = [...scores.subarray(n * classes, (n + 1) * classes)];
    const even = row.reduce((a, b) => a + b, 0) / classes;
    return logsumexp64(row) - (1 - smoothing) * row[targets[n]!]! - smoothing * even;
  });
}

for (const reduction of ["none", "sum", "mean"] as const) {
  checkOp(`crossEntropy, reduction ${reduction}`, {
    op([x], on, name) {
      const [rows, classes, labelSmoothing] = parse(name);
      return crossEntropy(x!, int32(targetsOf(rows, classes), on), { labelSmoothing, reduction });
    },
    reference([x], name) {
      const [rows, classes, smoothing] = parse(name);
      const losses = lossPerRow(x!.data, rows, classes, smoothing);
      if (reduction === "none") return array64([rows], (n) => losses[n]!);
      const total = losses.reduce((a, b) => a + b, 0);
      return array64([], () => (reduction === "sum" ? total : total / rows));
    },
    cases: sizes.map(([rows, classes, e]) => ({
      name: JSON.stringify([rows, classes, e]),
      inputs: [normal([rows, classes], 38, 2)],
    })),
  });
}

describe.each(levels)("crossEntropy on %s", (level) => {
  const on = device(level);

  test.each([0, 1e4, -1e4, 1e30])("equal scores of %d cost log(classes)", async (s) => {
    const x = Tensor.full([2, 3], s, { device: on, requiresGrad: true });
    const loss = crossEntropy(x, int32([0, 2], on));
    expect(await loss.item()).toBeCloseTo(Math.log(3), 6);
    loss.backward();
    const dx = await x.grad!.data(); // (1/3 - 1) / 2 at the targets, else 1/3 / 2
    [-1 / 3, 1 / 6, 1 / 6, 1 / 6, 1 / 6, -1 / 3].forEach((expected, i) => {
      expect(dx[i]).toBeCloseTo(expected, 6);
    });
    x.dispose();
  });

  test("a certain answer costs nothing, and a certain mistake its distance", async () => {
    const x = Tensor.from([100, 0, 100, 0], { device: on }).viewAs([2, 2]);
    const losses = await crossEntropy(x, int32([0, 1], on), { reduction: "none" }).data();
    expect([...losses]).toEqual([0, 100]);
  });

  test("a target outside the classes is named with its row", async () => {
    const [failure] = tensorScope(() => [
      crossEntropy(Tensor.zeros([3, 2], { device: on }), int32([0, 1, -100], on)).data(),
    ]);
    await expect(failure).rejects.toThrow("target -100 at row 2 is outside the 2 classes. Pass targets 0 to 1");
  });

  test("no rows sum to nothing", async () => {
    const none = Tensor.zeros([0, 5], { device: on });
    expect(await crossEntropy(none, int32([], on), { reduction: "sum" }).item()).toBe(0);
    expect(() => crossEntropy(none, int32([], on))).toThrow("[crossEntropy] scores have 0 rows");
  });
});
