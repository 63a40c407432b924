import {
  constantSchedule,
  cosineInverseSqrtSchedule,
  cosineSchedule,
  cosineWithRestartsSchedule,
  inverseSqrtSchedule,
  linearSchedule,
  polynomialSchedule,
  warmupStableDecaySchedule,
} from "@ettin/core";
import { describe, expect, test } from "vitest";

const at = (schedule: (time: number) => number, ...times: number[]) => times.map((t) => +schedule(t).toFixed(12));

describe("schedules", () => {
  test("constant rises over the warm-up and stays", () => {
    expect(at(constantSchedule({ warmup: 4 }), 0, 1, 4, 1e9)).toEqual([0, 0.25, 1, 1]);
    expect(at(constantSchedule(), 0)).toEqual([1]);
  });

  test("linear falls to 0 at the end and stays there", () => {
    expect(at(linearSchedule({ warmup: 2, total: 10 }), 0, 1, 2, 6, 10, 11)).toEqual([0, 0.5, 1, 0.5, 0, 0]);
  });

  test("cosine is half way down at half time", () => {
    // 0.5 (1 + cos(π s)): s = 0, 1/4, 1/2, 1
    const quarter = +(0.5 * (1 + Math.SQRT1_2)).toFixed(12);
    expect(at(cosineSchedule({ warmup: 2, total: 10 }), 1, 2, 4, 6, 10, 20)).toEqual([0.5, 1, quarter, 0.5, 0, 0]);
  });

  test("cosine ends at its floor", () => {
    // 0.2 + 0.8 · 0.5 (1 + cos(π s)) at s = 0, 1/2, 1
    expect(at(cosineSchedule({ total: 10, floor: 0.2 }), 0, 5, 10, 20)).toEqual([1, 0.6, 0.2, 0.2]);
    expect(() => cosineSchedule({ total: 10, floor: 2 })).toThrow(
      "[cosineSchedule] floor is 2. Use a factor from 0 to 1.",
    );
  });

  test("a cosine with restarts falls from 1 each time", () => {
    expect(at(cosineWithRestartsSchedule({ warmup: 2, total: 10, cycles: 2 }), 1, 2, 4, 6, 8, 10, 11)).toEqual([
      0.5, 1, 0.5, 1, 0.5, 0, 0,
    ]);
  });

  test("a polynomial falls by a power of what is left", () => {
    // 0.2 + 0.8 · (1 − s)²  at s = 0, 1/2, 1
    expect(at(polynomialSchedule({ warmup: 2, total: 10, power: 2, floor: 0.2 }), 1, 2, 6, 10, 11)).toEqual([
      0.5, 1, 0.4, 0.2, 0.2,
    ]);
  });

  test("an inverse root is halved after three times its scale", () => {
    expect(at(inverseSqrtSchedule({ warmup: 2, timescale: 5 }), 1, 2, 17, 77)).toEqual([0.5, 1, 0.5, 0.25]);
    expect(() => inverseSqrtSchedule({})).toThrow("[inverseSqrtSchedule] timescale is 0. Use more than 0");
  });

  describe("a cosine that an inverse root goes on with", () => {
    const options = { warmup: 10, period: 40, cooldown: 20, total: 200, floor: 0.1 };
    const schedule = cosineInverseSqrtSchedule(options);

    test("starts as the cosine and has its value and slope where they meet", () => {
      // 0.1 + 0.9 · 0.5 (1 + cos(π s / 80)): s = 0, then s = 40, where it is (1 + 0.1) / 2
      expect(at(schedule, 5, 10, 50)).toEqual([0.5, 1, 0.55]);
      const slope = (-Math.PI * 0.9) / (4 * 40);
      expect((schedule(50 + 1e-6) - schedule(50)) / 1e-6).toBeCloseTo(slope, 6);
      expect((schedule(50) - schedule(50 - 1e-6)) / 1e-6).toBeCloseTo(slope, 6);
    });

    test("goes on as γ / √(s + δ), and falls to the floor at the end", () => {
      // δ = 40 (1.1 − 0.9 π) / 0.9 π = −24.4382, γ = 0.55 √(40 + δ) = 2.16967
      expect(schedule(100)).toBeCloseTo(2.16967 / Math.sqrt(90 - 24.4382), 5);
      const begin = 2.16967 / Math.sqrt(170 - 24.4382);
      expect(schedule(180)).toBeCloseTo(begin, 5);
      expect(schedule(190)).toBeCloseTo(0.1 + (begin - 0.1) / 2, 5);
      expect(at(schedule, 200, 300)).toEqual([0.1, 0.1]);
      const late = cosineInverseSqrtSchedule({ ...options, shape: "one-minus-sqrt" });
      expect(late(185)).toBeCloseTo(0.1 + (begin - 0.1) / 2, 5);
    });

    test.each([
      [{ ...options, floor: 1 }, "floor is 1. Use a factor from 0 to below 1."],
      [{ ...options, period: 0 }, "period is 0. Use more than 0."],
      [{ ...options, total: 25 }, "warmup 10 and cooldown 20 are more than total 25. Shorten one."],
    ])("%j is refused", (bad, message) => {
      expect(() => cosineInverseSqrtSchedule(bad)).toThrow(`[cosineInverseSqrtSchedule] ${message}`);
    });
  });

  test("warmup-stable-decay with a linear fall", () => {
    const schedule = warmupStableDecaySchedule({ warmup: 3, decay: 10, total: 50, floor: 0.02 });
    // at 45: half of the fall, 0.02 + 0.98 · 0.5
    expect(at(schedule, 0, 1.5, 3, 40, 45, 50, 60)).toEqual([0, 0.5, 1, 1, 0.51, 0.02, 0.02]);
  });

  test("a phase that is one fall by one minus the root", () => {
    // 0.5 + 0.5 (1 − √s) at a quarter: 0.75; 0.04 + 0.96 · 0.5 = 0.52
    const extension = warmupStableDecaySchedule({ decay: 250, total: 250, floor: 0.5, shape: "one-minus-sqrt" });
    expect(at(extension, 0, 62.5, 250)).toEqual([1, 0.75, 0.5]);
    const decay = warmupStableDecaySchedule({ decay: 50, total: 50, floor: 0.04, shape: "one-minus-sqrt" });
    expect(at(decay, 12.5, 50)).toEqual([0.52, 0.04]);
  });

  test("without a fall it stays at 1, at the end and after it", () => {
    const schedule = warmupStableDecaySchedule({ warmup: 2, decay: 0, total: 10, floor: 0.02 });
    expect(at(schedule, 5, 9.5, 10, 11)).toEqual([1, 1, 1, 1]);
  });

  test("the rise may begin above 0", () => {
    // ε + (1 − ε) t / T: at half of it, with ε = 0.2, 0.6
    expect(at(warmupStableDecaySchedule({ warmup: 4, decay: 0, total: 10, start: 0.2 }), 0, 2, 4)).toEqual([
      0.2, 0.6, 1,
    ]);
    expect(warmupStableDecaySchedule({ warmup: 4, decay: 0, total: 10, start: 1e-10 })(0)).toBe(1e-10);
  });

  test("a fall by half a cosine", () => {
    // 0.1 + 0.9 (1 + cos πs) / 2 at s = 0, 1/2, 1
    const schedule = warmupStableDecaySchedule({ decay: 4, total: 10, floor: 0.1, shape: "cosine" });
    expect(at(schedule, 6, 8, 10)).toEqual([1, 0.55, 0.1]);
  });

  test("a fall that begins before the warm-up ends is refused", () => {
    expect(() => warmupStableDecaySchedule({ warmup: 6, decay: 6, total: 10 })).toThrow(
      "[warmupStableDecaySchedule] warmup 6 and decay 6 are more than total 10",
    );
  });
});
