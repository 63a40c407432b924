import { EngineError } from "../errors.ts";
import { afterWarmup, checkTimes, FALLS, type Schedule, share } from "./schedule.ts";

export interface CosineWithRestartsScheduleOptions {
  /** How long the rise from 0 takes. @default 0 */
  warmup?: number;
  total: number;
  /** Falls from 1, each of the same length; a whole number. @default 1 */
  cycles?: number;
}

/**
 * A linear rise over `warmup`, then falls from 1 along half a cosine, each beginning anew where the last has ended; 0 from
 * `total` on.
 *
 * @see `get_cosine_with_hard_restarts_schedule_with_warmup` of Hugging Face Transformers; https://arxiv.org/abs/1608.03983
 */
export function cosineWithRestartsSchedule({
  warmup = 0,
  total,
  cycles = 1,
}: CosineWithRestartsScheduleOptions): Schedule {
  checkTimes("cosineWithRestartsSchedule", { warmup, total });
  if (!Number.isInteger(cycles) || cycles < 1) {
    throw new EngineError("cosineWithRestartsSchedule", `cycles is ${cycles}`, "Use a whole number from 1.");
  }
  return afterWarmup(warmup, (time) => {
    const done = share(time, warmup, total);
    return done === 1 ? 0 : FALLS.cosine((cycles * done) % 1);
  });
}
