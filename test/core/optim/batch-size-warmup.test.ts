import { batchSizeWarmup } from "@ettin/core";
import { expect, test } from "vitest";

test("every size lasts as many steps: size j lasts u·j tokens", () => {
  // a = 1, b = 4, W = 60: u = 60 / (1 + 2 + 3) = 10, so sizes end at 10, 30, 60
  const size = batchSizeWarmup({ from: 1, to: 4, tokens: 60 });
  expect([0, 9, 10, 29, 30, 59, 60, 1e9].map(size)).toEqual([1, 1, 2, 2, 3, 3, 4, 4]);
});

test("thresholds are rounded up", () => {
  // a = 2, b = 5, W = 10: u = 10 / 9; ends ⌈2.22⌉, ⌈5.56⌉, 10
  const size = batchSizeWarmup({ from: 2, to: 5, tokens: 10 });
  expect([2, 3, 5, 6, 9, 10].map(size)).toEqual([2, 3, 3, 4, 4, 5]);
});

test("the 150m recipe on four devices goes from 1 to 16 in 120 shares", () => {
  // S = Σ 1…15 = 120; W = 50e9 / 4 = 12.5e9; size 8 starts after 28 shares
  const size = batchSizeWarmup({ from: 1, to: 16, tokens: 12.5e9 });
  const share = 12.5e9 / 120;
  expect([Math.floor(28 * share), Math.ceil(28 * share), Math.ceil(36 * share), 12.5e9].map(size)).toEqual([
    7, 8, 9, 16,
  ]);
});

test("without tokens, or from the last size on, nothing grows", () => {
  expect(batchSizeWarmup({ from: 1, to: 4, tokens: 0 })(0)).toBe(4);
  expect(batchSizeWarmup({ from: 4, to: 4, tokens: 100 })(5)).toBe(4);
  expect(() => batchSizeWarmup({ from: 5, to: 4, tokens: 1 })).toThrow("[batchSizeWarmup] sizes go from 5 to 4");
});
