import { readFileSync } from "node:fs";
import { fillArguments, type SchedulerOptions, type SchedulerType, type TrainingArguments } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { scheduleOf } from "../../../packages/core/src/trainer/schedule-of.ts";

interface Fixture {
  total: number;
  cases: { type: SchedulerType; warmup: number; options: Record<string, unknown>; factors: number[] }[];
}
const { total, cases }: Fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/schedules.json", import.meta.url), "utf8"),
);

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const schedule = (args: Partial<TrainingArguments>, steps: number | null = total) =>
  scheduleOf(fillArguments(args), steps);
const at = (factor: (time: number) => number, ...times: number[]) => times.map((time) => +factor(time).toFixed(12));

describe("schedules by name", () => {
  test.each(cases)(
    "$type with warm-up $warmup and $options is that of transformers",
    ({ type, warmup, options, factors }) => {
      const lrSchedulerKwargs: SchedulerOptions = Object.fromEntries(
        Object.entries(options).map(([name, value]) => [camel(name), value]),
      );
      const factor = schedule({ lrSchedulerType: type, warmupSteps: warmup, learningRate: 1, lrSchedulerKwargs });
      for (const [step, expected] of factors.entries()) expect(factor(step), `step ${step}`).toBeCloseTo(expected, 12);
    },
  );

  test("a warm-up may be a share of the run", () => {
    // ⌈0.1 · 15⌉ = 2 steps
    const expected = at(schedule({ warmupSteps: 2 }, 15), 0, 1, 2, 9);
    expect(at(schedule({ warmupRatio: 0.1 }, 15), 0, 1, 2, 9)).toEqual(expected);
    expect(at(schedule({ warmupSteps: 0.1 }, 15), 0, 1, 2, 9)).toEqual(expected);
  });

  test("the recipe's phases, in tokens", () => {
    // pretraining: 1e-10 to 1, then constant
    const pretraining = schedule(
      {
        maxTokens: 1000,
        warmupTokens: 100,
        lrSchedulerType: "warmup_stable_decay",
        lrSchedulerKwargs: { numDecayTokens: 0, minLrRatio: 0.02, warmupStart: 1e-10 },
      },
      null,
    );
    expect(pretraining(0)).toBe(1e-10);
    expect(at(pretraining, 50, 100, 999, 1000)).toEqual([0.50000000005, 1, 1, 1]);
    // decay: 0.04 + 0.96 (1 − √(t / T)), 0.52 at a quarter
    const decay = schedule(
      {
        maxTokens: 1000,
        lrSchedulerType: "warmup_stable_decay",
        lrSchedulerKwargs: { numDecayTokens: 1000, decayType: "1-sqrt", minLrRatio: 0.04 },
      },
      null,
    );
    expect(at(decay, 0, 250, 1000)).toEqual([1, 0.52, 0.04]);
  });

  test.each<[Partial<TrainingArguments>, string]>([
    [
      { lrSchedulerType: "warmup_stable_decay" },
      "[lrSchedulerKwargs] warmup_stable_decay in steps has no numDecaySteps. Give numDecaySteps",
    ],
    [
      { lrSchedulerKwargs: { numCycles: 1 } },
      'numCycles is 1, but lrSchedulerType "linear" does not take it. It takes none.',
    ],
    [
      { lrSchedulerType: "cosine", lrSchedulerKwargs: { numCycle: 1 } as SchedulerOptions },
      "there is no option numCycle. The nearest is numCycles.",
    ],
    [
      {
        lrSchedulerType: "warmup_stable_decay",
        lrSchedulerKwargs: { numDecaySteps: 1, decayType: "square" as "linear" },
      },
      'decayType is "square". It has to be one of linear, 1-sqrt, cosine.',
    ],
    [
      { lrSchedulerType: "cosine_with_min_lr" },
      "[lrSchedulerKwargs] cosine_with_min_lr has neither minLr nor minLrRate. Give one of them.",
    ],
    [
      { lrSchedulerType: "cosine_with_min_lr", lrSchedulerKwargs: { minLr: 1e-6, minLrRate: 0.1 } },
      "cosine_with_min_lr has both minLr and minLrRate. Give one of them.",
    ],
    [
      { lrSchedulerType: "polynomial", learningRate: 1e-8 },
      "[lrSchedulerKwargs] lrEnd is 1e-7, but learningRate 1e-8. The rate falls to lrEnd: make it smaller.",
    ],
    [
      { lrSchedulerType: "cosine_with_restarts", lrSchedulerKwargs: { numCycles: 1.5 } },
      "[cosineWithRestartsSchedule] cycles is 1.5. Use a whole number from 1.",
    ],
    [
      { lrSchedulerType: "inverse_sqrt", maxTokens: 100 },
      "[lrSchedulerKwargs] inverse_sqrt in tokens has neither a warm-up nor a timescale. Give warmupTokens or timescale.",
    ],
  ])("%j is refused", (args, message) => {
    expect(() => schedule(args)).toThrow(message);
  });

  test("an inverse root needs no end", () => {
    // warmed up over 400 tokens; √½ is left as many tokens later
    const factor = schedule({ lrSchedulerType: "inverse_sqrt", scheduleUnit: "tokens", warmupTokens: 400 }, null);
    expect(at(factor, 100, 400, 800, 1600)).toEqual([0.25, 1, +Math.SQRT1_2.toFixed(12), 0.5]);
  });

  test("a schedule in steps has no end where tokens end the run", () => {
    expect(() => schedule({ maxTokens: 100, scheduleUnit: "steps" }, null)).toThrow(
      'lrSchedulerType "linear" needs the end of the run in steps, but maxTokens ends it',
    );
  });
});
