import { afterWarmup, checkFloor, checkTimes, type Schedule, share } from "./schedule.ts";

export interface CosineScheduleOptions {
  /** How long the rise from 0 takes. @default 0 */
  warmup?: number;
  total: number;
  /** Waves after it; 0.5 is one fall. @default 0.5 */
  cycles?: number;
  /** The factor at the foot of a wave. @default 0 */
  floor?: number;
}

/**
 * A linear rise over `warmup`, then `cycles` of a cosine from 1: by default half a wave, to `floor` at `total`.
 *
 * @see `get_cosine_schedule_with_warmup` and `get_cosine_with_min_lr_schedule_with_warmup` of Hugging Face Transformers
 */
export function cosineSchedule({ warmup = 0, total, cycles = 0.5, floor = 0 }: CosineScheduleOptions): Schedule {
  checkTimes("cosineSchedule", { warmup, total, cycles });
  checkFloor("cosineSchedule", floor);
  return afterWarmup(warmup, (time) => {
    const wave = 0.5 * (1 + Math.cos(2 * Math.PI * cycles * share(time, warmup, total)));
    return Math.max(0, floor + (1 - floor) * wave);
  });
}
