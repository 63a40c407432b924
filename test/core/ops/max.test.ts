import { argmax, max, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { reduce64 } from "../../support/reduce64.ts";

const shapes: [number[], number | undefined][] = [
  [[1], 0],
  [[31], undefined],
  [[4, 32], -1],
  [[3, 133], 1],
  [[2, 1500], 1],
  [[33, 31], 0],
  [[40, 70], 0],
  [[3, 4, 5], 1],
  [[0, 3], 1],
];
const axisOf = (name: string) => (name.endsWith("all") ? undefined : Number(name.split("axis ")[1]));

checkOp("max", {
  op: ([x], _, name) => max(x!, axisOf(name)),
  reference: ([x], name) => reduce64(x!, axisOf(name), (values) => Math.max(...values)),
  cases: shapes.map(([shape, axis]) => ({
    name: `[${shape.join(", ")}] over ${axis === undefined ? "all" : `axis ${axis}`}`,
    inputs: [normal(shape, 12)],
  })),
});

describe.each(levels)("max on %s", (level) => {
  const on = device(level);

  test("the first of equals wins and takes the gradient", async () => {
    const x = Tensor.from(
      [
        [3, 7, 7],
        [5, 5, 1],
      ],
      { device: on, requiresGrad: true },
    );
    expect([...(await argmax(x, 1).data())]).toEqual([1, 0]);
    expect([...(await argmax(x, 0).data())]).toEqual([1, 0, 0]);
    max(x, 1).backward({ gradient: Tensor.from([10, 20], { device: on }) });
    expect([...(await x.grad!.data())]).toEqual([0, 10, 0, 20, 0, 0]);
  });

  test("a NaN is the largest, and the first of them", async () => {
    for (const n of [5, 40]) {
      const values = Float32Array.from({ length: n }, (_, i) => (i === n - 2 || i === n - 1 ? NaN : i));
      const x = Tensor.from(values, { device: on });
      expect(await max(x).item()).toBeNaN();
      expect(await argmax(x).item()).toBe(n - 2);
      expect(await argmax(x.viewAs([n, 1, 1]), 0).item()).toBe(n - 2);
      const pairs = Tensor.from(Float32Array.from([...values].flatMap((v) => [v, 1])), { device: on });
      expect([...(await argmax(pairs.viewAs([n, 2]), 0).data())]).toEqual([n - 2, 0]);
    }
  });

  test("all -infinity gives -infinity at the first place", async () => {
    const x = Tensor.full([37], -Infinity, { device: on });
    expect([await max(x).item(), await argmax(x).item()]).toEqual([-Infinity, 0]);
  });
});

test("nothing has no largest element", () => {
  expect(() => max(Tensor.zeros([3, 0]), 1)).toThrow("[max] x has shape [3, 0]");
});
