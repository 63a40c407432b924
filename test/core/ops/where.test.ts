import { equal, greater, Tensor, where } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

const everyThird = (on: ReturnType<typeof device>, shape: readonly number[]) =>
  Tensor.from(
    Int32Array.from({ length: shape.reduce((n, size) => n * size, 1) }, (_, i) => (i % 3 ? 0 : i + 1)),
    {
      shape,
      device: on,
    },
  );

checkOp("where", {
  op: ([a, b], on) => where(everyThird(on, a!.shape), a!, b!),
  reference: ([a, b]) => array64(a!.shape, (i) => (i % 3 ? b!.data[b!.data.length === 1 ? 0 : i]! : a!.data[i]!)),
  cases: [[0], [1], [31], [32], [33], [2, 4500]].flatMap((shape) => [
    { name: `[${shape}]`, inputs: [normal(shape, 1), normal(shape, 2)] },
    { name: `[${shape}] and one number`, inputs: [normal(shape, 3), normal([1], 4)] },
  ]),
});

describe.each(levels)("comparisons on %s", (level) => {
  const make = (values: number[], dtype: "float32" | "bfloat16" | "int32") =>
    Tensor.from(values, { device: device(level), dtype });

  test.each(["float32", "bfloat16", "int32"] as const)("greater and equal of %s give ones and zeros", async (dtype) => {
    const n = 33;
    const [a, b] = [
      make(
        Array.from({ length: n }, (_, i) => i % 5),
        dtype,
      ),
      make(
        Array.from({ length: n }, (_, i) => i % 3),
        dtype,
      ),
    ];
    const expected = (f: (p: number, q: number) => boolean) =>
      Array.from({ length: n }, (_, i) => Number(f(i % 5, i % 3)));
    expect([...(await greater(a, b).data())]).toEqual(expected((p, q) => p > q));
    expect([...(await equal(a, b).data())]).toEqual(expected((p, q) => p === q));
    expect([...(await greater(a, 2).data())]).toEqual(expected((p) => p > 2));
    expect(greater(a, b).dtype).toBe("int32");
  });
  test("a NaN is neither greater nor equal", async () => {
    const x = make([Number.NaN, 1], "float32");
    expect([...(await greater(x, x.neg()).data())]).toEqual([0, 1]);
    expect([...(await equal(x, x).data())]).toEqual([0, 1]);
  });
  test("what is not taken does not leak through", async () => {
    const x = make([4, -1], "float32");
    x.requiresGrad = true;
    const y = where(greater(x, 0), x, make([Number.NaN, 7], "float32"));
    expect([...(await y.data())]).toEqual([4, 7]);
    y.backward({ gradient: make([2, Number.NaN], "float32") });
    expect([...(await x.grad!.data())]).toEqual([2, 0]);
  });
});

test("a condition that is not int32 is refused", () => {
  const x = Tensor.zeros([2]);
  expect(() => where(x, x, x)).toThrow("[where] condition [2] is float32, but int32 is needed");
});
