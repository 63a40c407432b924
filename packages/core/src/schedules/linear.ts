import { afterWarmup, checkTimes, type Schedule, share } from "./schedule.ts";

/**
 * A linear rise over `warmup`, then a linear fall to 0 at `total`.
 *
 * @see `get_linear_schedule_with_warmup` of Hugging Face Transformers
 */
export function linearSchedule({ warmup = 0, total }: { warmup?: number; total: number }): Schedule {
  checkTimes("linearSchedule", { warmup, total });
  return afterWarmup(warmup, (time) => 1 - share(time, warmup, total));
}
