import { arange, cast, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { map64, normal } from "../../support/array64.ts";
import { checkOp, roundToBfloat16 } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

checkOp("a cast there and back", {
  op: ([x]) => cast(cast(x!, "bfloat16"), "float32"),
  reference: ([x]) => map64(x!, (value) => value),
  tolerance: 2 ** -8, // one rounding to 8 bits, and its gradient as well
  bfloat16: false,
  cases: [[0], [1], [31], [32], [33], [2, 4500]].map((shape) => ({ name: `[${shape}]`, inputs: [normal(shape)] })),
});

describe.each(levels)("cast on %s", (level) => {
  const on = device(level);
  const values = [0, 1, -1.5, 1.00390625, 1.01171875, 300.7, -2.9, 3e38, 1e-38, Number.POSITIVE_INFINITY, Number.NaN];

  test("rounds to nearest, ties to even", async () => {
    const x = Tensor.from(values, { device: on });
    const half = [...(await x.to("bfloat16").data())];
    expect(half).toEqual(values.map(roundToBfloat16)); // 1.00390625 is a tie: down; 1.01171875: up
    expect(half[3]).toBe(1);
    expect(half[4]).toBe(1.015625);
  });
  test.each(["float32", "bfloat16"] as const)(
    "int32 drops the fraction of %s and has a value for what does not fit",
    async (dtype) => {
      const x = Tensor.from([2.75, -2.75, 3e10, -3e10, Number.NaN], { device: on, dtype });
      const lowest = -(2 ** 31);
      expect([...(await x.to("int32").data())]).toEqual([2, -2, lowest, lowest, lowest]);
    },
  );
  test("int32 becomes the nearest float", async () => {
    const x = Tensor.from(Int32Array.of(16777217, -3, 257), { device: on });
    expect([...(await x.to("float32").data())]).toEqual([16777216, -3, 257]);
    expect([...(await x.to("bfloat16").data())]).toEqual([16777216, -3, 256]); // 257 is a tie: even is 256
  });
  test.each([
    ["a transpose", [2, 40, 33], (x: Tensor) => x.transpose(1, 2)],
    ["every other row", [16, 2, 24], (x: Tensor) => x.slice(1, 2, 1)],
    ["one number per row", [33, 1], (x: Tensor) => x.expand([33, 16])],
  ] as const)("%s changes its dtype on the way", async (_, shape, view) => {
    const size = shape.reduce<number>((product, n) => product * n, 1);
    const x = Tensor.from(
      Int32Array.from({ length: size }, (_, i) => (i % 255) - 100),
      { device: on, shape },
    );
    const expected = [...(await view(x).data())];
    for (const from of ["float32", "bfloat16", "int32"] as const) {
      for (const to of ["float32", "bfloat16", "int32"] as const) {
        expect([...(await view(x.to(from)).to(to).data())], `${from} to ${to}`).toEqual(expected);
      }
    }
  });
  test("the gradient comes back in the input's dtype", async () => {
    const x = Tensor.from([1, 2], { device: on, requiresGrad: true });
    const y = x.to("bfloat16");
    y.backward({ gradient: Tensor.from([0.5, 3], { device: on, dtype: "bfloat16" }) });
    expect(x.grad!.dtype).toBe("float32");
    expect([...(await x.grad!.data())]).toEqual([0.5, 3]);
  });

  test.each(["float32", "bfloat16", "int32"] as const)("fill and arange in %s", async (dtype) => {
    expect([...(await Tensor.full([33], -3, { device: on, dtype }).data())]).toEqual(new Array(33).fill(-3));
    const count = [...(await arange(2, 40, { step: 3, device: on, dtype }).data())];
    expect(count).toEqual([2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 32, 35, 38]);
  });
  test("arange counts in int32 from zero", async () => {
    const x = arange(3, { device: on });
    expect(x.dtype).toBe("int32");
    expect([...(await x.data())]).toEqual([0, 1, 2]);
    expect([...(await arange(3, 0, { step: -1, device: on }).data())]).toEqual([3, 2, 1]);
    expect(arange(0, { device: on }).shape).toEqual([0]);
  });
});
