import { constantSchedule, cosineSchedule, linearSchedule, warmupStableDecaySchedule } from "@ettin/core";
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
