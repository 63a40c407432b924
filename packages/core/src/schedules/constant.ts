import { checkTimes, type Schedule, warmedUp } from "./schedule.ts";

/**
 * 1, after a linear rise from 0 over `warmup`.
 *
 * @see `get_constant_schedule_with_warmup` of Hugging Face Transformers
 */
export function constantSchedule({ warmup = 0 }: { warmup?: number } = {}): Schedule {
  checkTimes("constantSchedule", { warmup });
  return (time) => warmedUp(time, warmup);
}
