/**
 * Schedules: plain functions of time that give a factor for the learning rate. Time counts whatever `total` counts:
 * steps or tokens, from 0.
 */
import { EngineError } from "../errors.ts";

export type Schedule = (time: number) => number;

/** The share of the way from `begin` to `end`, from 0 to 1; past a way of length 0 it is 1. */
const share = (time: number, begin: number, end: number): number =>
  time >= end ? 1 : Math.max(0, (time - begin) / (end - begin));

function checkTimes(name: string, times: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(times)) {
    if (!(value >= 0)) throw new EngineError(name, `${key} is ${value}`, "Use 0 or more.");
  }
}

const warmedUp = (time: number, warmup: number): number => (warmup > 0 ? Math.min(1, Math.max(0, time) / warmup) : 1);

/**
 * 1, after a linear rise from 0 over `warmup`.
 *
 * @see `get_constant_schedule_with_warmup` of Hugging Face Transformers
 */
export function constantSchedule({ warmup = 0 }: { warmup?: number } = {}): Schedule {
  checkTimes("constantSchedule", { warmup });
  return (time) => warmedUp(time, warmup);
}

/**
 * A linear rise over `warmup`, then a linear fall to 0 at `total`.
 *
 * @see `get_linear_schedule_with_warmup` of Hugging Face Transformers
 */
export function linearSchedule({ warmup = 0, total }: { warmup?: number; total: number }): Schedule {
  checkTimes("linearSchedule", { warmup, total });
  return (time) => (time < warmup ? warmedUp(time, warmup) : 1 - share(time, warmup, total));
}

/**
 * A linear rise over `warmup`, then `cycles` of a cosine from 1: by default half a wave, to 0 at `total`.
 *
 * @see `get_cosine_schedule_with_warmup` of Hugging Face Transformers
 */
export function cosineSchedule({
  warmup = 0,
  total,
  cycles = 0.5,
}: {
  warmup?: number;
  total: number;
  cycles?: number;
}): Schedule {
  checkTimes("cosineSchedule", { warmup, total, cycles });
  return (time) => {
    if (time < warmup) return warmedUp(time, warmup);
    return Math.max(0, 0.5 * (1 + Math.cos(2 * Math.PI * cycles * share(time, warmup, total))));
  };
}

export interface WarmupStableDecayOptions {
  /** How long the rise from 0 takes. @default 0 */
  warmup?: number;
  /** How long the fall takes; it ends at `total`. With `decay` equal to `total` there is nothing but the fall. */
  decay: number;
  total: number;
  /** What is left at `total`. @default 0 */
  floor?: number;
  /** Where the rise begins: Ettin's pretraining begins at 1e-10, Transformers at its floor. @default 0 */
  start?: number;
  /**
   * How it falls over the share s of `decay`: "linear" as 1 − s, "one-minus-sqrt" as 1 − √s, fast at first, "cosine" as
   * half a wave, (1 + cos πs) / 2.
   *
   * @default "linear"
   */
  shape?: "linear" | "one-minus-sqrt" | "cosine";
}

const FALLS = {
  linear: (s: number) => 1 - s,
  "one-minus-sqrt": (s: number) => 1 - Math.sqrt(s),
  cosine: (s: number) => 0.5 * (1 + Math.cos(Math.PI * s)),
} as const;

/**
 * A linear rise from `start`, a plateau at 1, and a fall to `floor`: `floor + (1 − floor)·f(s)` with f by `shape`. With
 * `decay` 0 it never falls.
 *
 * @see https://arxiv.org/abs/2405.18392 for the shapes of the fall; `get_wsd_schedule` of Hugging Face Transformers
 */
export function warmupStableDecaySchedule(options: WarmupStableDecayOptions): Schedule {
  const { warmup = 0, decay, total, floor = 0, start = 0, shape = "linear" } = options;
  checkTimes("warmupStableDecaySchedule", { warmup, decay, total, floor, start });
  const fall = FALLS[shape];
  if (!fall) {
    const shapes = Object.keys(FALLS).join(", ");
    throw new EngineError("warmupStableDecaySchedule", `shape is "${shape}"`, `Use one of ${shapes}.`);
  }
  if (warmup + decay > total) {
    throw new EngineError(
      "warmupStableDecaySchedule",
      `warmup ${warmup} and decay ${decay} are more than total ${total}`,
      "Shorten one of them.",
    );
  }
  const begin = total - decay;
  return (time) => {
    if (time < warmup) return start + (1 - start) * warmedUp(time, warmup);
    if (time <= begin || decay === 0) return 1;
    return floor + (1 - floor) * fall(share(time, begin, total));
  };
}
