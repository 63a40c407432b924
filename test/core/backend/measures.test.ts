/** Kernels without an op: what benchmarks measure against, and what scales gradients that are there. */
import { arange, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { device, levels } from "../../support/devices.ts";

describe.each(levels)("on %s", (level) => {
  const on = { device: device(level) };
  const count = (n: number) => Array.from({ length: n }, (_, i) => (i % 100) - 50);
  const read = async (x: Tensor) => [...(await x.data())];

  test.each([0, 1, 4096, 5003])("a copy of %d numbers, by either kind of store", async (n) => {
    const x = Tensor.from(Float32Array.from(count(n)), on);
    for (const past of [false, true]) {
      const y = Tensor.empty([n], on);
      y.backend.copyBandwidth(y, x, past);
      expect(await read(y)).toEqual(count(n));
    }
  });
  test.each([1, 33, 4096, 100_003])("a sum of %d numbers read from memory", async (n) => {
    const y = Tensor.empty([1], on);
    y.backend.readBandwidth(y, arange(n, { ...on, dtype: "float32" }));
    const sum = (n * (n - 1)) / 2;
    expect(Math.abs((await y.item()) - sum)).toBeLessThanOrEqual(1e-6 * sum);
  });
  test.each([false, true])("the peak counts its operations (pairs: %s)", async (pairs) => {
    const once = Tensor.empty([2], on);
    const twice = Tensor.empty([2], on);
    once.backend.multiplyAddPeak(once, pairs, 1, 4);
    twice.backend.multiplyAddPeak(twice, pairs, 1, 8);
    const [[a, rest], [b]] = await Promise.all([read(once), read(twice)]);
    expect(b).toBe(2 * a!);
    if (!pairs) expect(a).toBeGreaterThan(0);
    expect(Number.isFinite(rest)).toBe(true);
  });

  test.each([0, 1, 33, 5003])("%d numbers are scaled in place", async (n) => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const y = Tensor.from(Float32Array.from(count(n)), { ...on, dtype });
      y.backend.scaleInPlace(y, Tensor.from(1, on));
      expect(await read(y)).toEqual(count(n));
      y.backend.scaleInPlace(y, Tensor.from(-0.5, on));
      expect(await read(y)).toEqual(count(n).map((x) => -0.5 * x));
    }
  });
  test.each([0, 1, 33, 5003])("%d numbers are added, scaled", async (n) => {
    const y = Tensor.from(Float32Array.from(count(n)), on);
    y.backend.addScaled(y, Tensor.full([n], 3, on), Tensor.from(0.25, on));
    expect(await read(y)).toEqual(count(n).map((x) => x + 0.75));
  });
});
