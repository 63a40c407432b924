import { exp, log, log1p, sigmoid, Tensor, tanh } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { device, levels } from "../support/devices.ts";

/** Every 8191st float32 in the order of their bits: signs, exponents and fractions of all kinds. */
const sample = ((): Float32Array<ArrayBuffer> => {
  const bits = new Uint32Array(Math.floor(2 ** 32 / 8191));
  return new Float32Array(bits.map((_, i) => i * 8191).buffer);
})();

/** The distance of two neighbouring float32 at x. */
const ulp = (x: number) => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -126) - 23);

// the bounds that native/cpu/elementary.h states; what lies outside [low, high] has its own rule there
const bounds = [
  { name: "exp", op: exp, f: Math.exp, ulps: 2, low: -87.3, high: 88.7 },
  { name: "sigmoid", op: sigmoid, f: (x: number) => 1 / (1 + Math.exp(-x)), ulps: 4, low: -87, high: 3e38 },
  { name: "tanh", op: tanh, f: Math.tanh, ulps: 6, low: -3e38, high: 3e38 },
  { name: "log", op: log, f: Math.log, ulps: 2, low: 1.2e-38, high: 3e38 },
  { name: "log1p", op: log1p, f: Math.log1p, ulps: 3, low: -0.999999, high: 3e38 },
];

describe.each(levels)("elementary functions on %s", (level) => {
  test.each(bounds)("$name is within $ulps ulp", async ({ op, f, ulps, low, high }) => {
    const x = sample.filter((value) => value >= low && value <= high && (value === 0 || Math.abs(value) > 1.2e-38));
    const y = await op(Tensor.from(x, { device: device(level) })).data();
    let worst = 0;
    let at = 0;
    for (let i = 0; i < x.length; i++) {
      const exact = f(x[i]!);
      const error = exact === 0 ? Math.abs(y[i]!) / 2 ** -149 : Math.abs(y[i]! - exact) / ulp(exact);
      if (!(error <= worst)) [worst, at] = [error, i];
    }
    expect(worst, `at ${x[at]}: ${y[at]} for ${f(x[at]!)}`).toBeLessThanOrEqual(ulps);
  });
});
