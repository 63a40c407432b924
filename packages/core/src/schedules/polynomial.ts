import { afterWarmup, checkFloor, checkTimes, type Schedule, share } from "./schedule.ts";

export interface PolynomialScheduleOptions {
  /** How long the rise from 0 takes. @default 0 */
  warmup?: number;
  total: number;
  /** 1 falls as a line, more faster at first. @default 1 */
  power?: number;
  /** The factor from `total` on. @default 0 */
  floor?: number;
}

/**
 * A linear rise over `warmup`, then `floor + (1 − floor)·(1 − s)^power` over the share s of what is left.
 *
 * @see `get_polynomial_decay_schedule_with_warmup` of Hugging Face Transformers
 */
export function polynomialSchedule({ warmup = 0, total, power = 1, floor = 0 }: PolynomialScheduleOptions): Schedule {
  checkTimes("polynomialSchedule", { warmup, total, power });
  checkFloor("polynomialSchedule", floor);
  return afterWarmup(warmup, (time) => {
    const done = share(time, warmup, total);
    return done === 1 ? floor : floor + (1 - floor) * (1 - done) ** power;
  });
}
