import { EngineError } from "../errors.ts";
import { afterWarmup, checkTimes, type Schedule } from "./schedule.ts";

export interface InverseSqrtScheduleOptions {
  /** How long the rise from 0 takes. @default 0 */
  warmup?: number;
  /** How long after the warm-up's end it takes until √½ is left. @default warmup */
  timescale?: number;
}

/**
 * A linear rise over `warmup`, then `1 / √(1 + (time − warmup) / timescale)`, which has no end.
 *
 * @see `get_inverse_sqrt_schedule` of Hugging Face Transformers; https://arxiv.org/abs/2106.04560
 */
export function inverseSqrtSchedule({ warmup = 0, timescale = warmup }: InverseSqrtScheduleOptions): Schedule {
  checkTimes("inverseSqrtSchedule", { warmup });
  if (!(timescale > 0)) {
    throw new EngineError(
      "inverseSqrtSchedule",
      `timescale is ${timescale}`,
      "Use more than 0: 10000 steps are common.",
    );
  }
  return afterWarmup(warmup, (time) => 1 / Math.sqrt(1 + (time - warmup) / timescale));
}
