import * as ops from "@ettin/core";
import { Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, map64, normal, uniform } from "../../support/array64.ts";
import { checkOp, type OpCase } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { erf } from "../../support/erf.ts";

const shapes = [[0], [1], [31], [32], [33], [31, 33], [2, 4500]]; // the last is more than one task

const cases = (make: (shape: number[], seed: number) => Array64): OpCase[] =>
  shapes.map((shape, i) => ({ name: `[${shape}]`, inputs: [make(shape, i + 1)] }));

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const anyNumber = cases((shape, seed) => normal(shape, seed, 3));

const formulas: Record<string, { op: (x: Tensor) => Tensor; f: (x: number) => number; cases: OpCase[] }> = {
  gelu: { op: ops.gelu, f: (x) => (x / 2) * (1 + erf(x / Math.SQRT2)), cases: anyNumber },
  geluTanh: {
    op: ops.geluTanh,
    f: (x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    cases: anyNumber,
  },
  silu: { op: ops.silu, f: (x) => x * sigmoid(x), cases: anyNumber },
  relu: { op: ops.relu, f: (x) => Math.max(x, 0), cases: anyNumber },
  sigmoid: { op: ops.sigmoid, f: sigmoid, cases: anyNumber },
  tanh: { op: ops.tanh, f: Math.tanh, cases: cases((shape, seed) => normal(shape, seed)) },
  exp: { op: ops.exp, f: Math.exp, cases: cases((shape, seed) => normal(shape, seed)) },
  log: { op: ops.log, f: Math.log, cases: cases((shape, seed) => uniform(shape, 0.1, 10, seed)) },
  log1p: { op: ops.log1p, f: Math.log1p, cases: cases((shape, seed) => uniform(shape, -0.9, 5, seed)) },
  sqrt: { op: ops.sqrt, f: Math.sqrt, cases: cases((shape, seed) => uniform(shape, 0.1, 4, seed)) },
  softplus: { op: ops.softplus, f: (x) => Math.log1p(Math.exp(x)), cases: anyNumber },
};

for (const [name, { op, f, cases: list }] of Object.entries(formulas)) {
  checkOp(name, { op: ([x]) => op(x!), reference: ([x]) => map64(x!, f), cases: list });
}

describe.each(levels)("at the edges on %s", (level) => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const apply = async (op: (x: Tensor) => Tensor, values: number[], dtype: "float32" | "bfloat16" = "float32") =>
    Array.from(await op(Tensor.from(values, { device: device(level), dtype })).data());

  // x, and what the limit of each function is there
  const table: Record<string, [(x: Tensor) => Tensor, number[], number[]]> = {
    gelu: [ops.gelu, [nan, inf, 0], [nan, inf, 0]],
    silu: [ops.silu, [nan, inf, 0, -200], [nan, inf, 0, -0]],
    relu: [ops.relu, [nan, inf, -inf], [nan, inf, 0]],
    sigmoid: [ops.sigmoid, [nan, inf, 0], [nan, 1, 0.5]],
    tanh: [ops.tanh, [nan, inf, -inf, 20, -20], [nan, 1, -1, 1, -1]],
    exp: [ops.exp, [nan, inf, -inf, 89, -104], [nan, inf, 0, inf, 0]],
    log: [ops.log, [nan, inf, 0, -1, 1], [nan, inf, -inf, nan, 0]],
    log1p: [ops.log1p, [nan, inf, -1, -2, 0], [nan, inf, -inf, nan, 0]],
    sqrt: [ops.sqrt, [nan, inf, 0, -1, 4], [nan, inf, 0, nan, 2]],
    softplus: [ops.softplus, [nan, inf, 100, -200], [nan, inf, 100, 0]],
  };
  test.each(Object.entries(table))("%s has its limits", async (_, [op, x, y]) => {
    for (const dtype of ["float32", "bfloat16"] as const) {
      const result = await apply(op, x, dtype);
      const expected = y.map((value, i) => (Math.abs(result[i]! - value) < 1e-30 ? result[i] : value)); // zeros of any sign
      expect(result).toEqual(expected);
    }
  });

  test("log1p and softplus keep the digits of tiny arguments", async () => {
    const tiny = Math.fround(1e-20);
    expect(await apply(ops.log1p, [tiny, -tiny])).toEqual([tiny, -tiny]); // ln(1 + x) = x - x²/2 …
    const [far] = await apply(ops.softplus, [-50]);
    expect(Math.abs(far! / Math.exp(-50) - 1)).toBeLessThan(1e-6); // ln(1 + e^-50) = e^-50 to 22 digits
  });
});

test("an integer tensor is refused by name", () => {
  expect(() => ops.gelu(Tensor.from([1], { dtype: "int32" }))).toThrow("[gelu] x [1] is int32");
});
