import { EngineError } from "../errors.ts";
import { checkTimes, type Fall, fallOf, type Schedule, share, warmedUp } from "./schedule.ts";

export interface CosineInverseSqrtScheduleOptions {
  /** How long the rise takes. @default 0 */
  warmup?: number;
  /** How long it follows the cosine, which is a quarter of a wave, before the root takes over. */
  period: number;
  /** How long the last fall takes; it ends at `total`. @default 0 */
  cooldown?: number;
  total: number;
  /** Where the cosine would end after half a wave, and the last fall does; below 1. @default 0 */
  floor?: number;
  /** Where the rise begins. @default 0 */
  start?: number;
  /** How the last fall goes. @default "linear" */
  shape?: Fall;
}

/**
 * A linear rise, a cosine from 1 down to the middle between 1 and `floor`, from there the inverse of a root that goes on
 * with the same value and slope, and at last a fall to `floor`. It suits runs whose length is not settled: all but
 * the last fall does not depend on `total`.
 *
 * @see https://arxiv.org/abs/2106.04560 for the root; ModernBERT's trainer joins it to a cosine
 */
export function cosineInverseSqrtSchedule(options: CosineInverseSqrtScheduleOptions): Schedule {
  const name = "cosineInverseSqrtSchedule";
  const { warmup = 0, period, cooldown = 0, total, floor = 0, start = 0, shape = "linear" } = options;
  checkTimes(name, { warmup, period, cooldown, total, start });
  if (!(floor >= 0 && floor < 1)) throw new EngineError(name, `floor is ${floor}`, "Use a factor from 0 to below 1.");
  if (!(period > 0)) throw new EngineError(name, `period is ${period}`, "Use more than 0.");
  if (warmup + cooldown > total) {
    throw new EngineError(
      name,
      `warmup ${warmup} and cooldown ${cooldown} are more than total ${total}`,
      "Shorten one.",
    );
  }
  const fall = fallOf(name, shape);
  // γ / √(s + δ) has at s = period the cosine's value, (1 + floor) / 2, and its slope, −π (1 − floor) / (4 period)
  const shifted = (period * (1 + floor)) / (Math.PI * (1 - floor));
  const delta = shifted - period;
  const gamma = ((1 + floor) / 2) * Math.sqrt(shifted);
  const running = (s: number) =>
    s <= period
      ? floor + (1 - floor) * 0.5 * (1 + Math.cos((Math.PI * s) / (2 * period)))
      : gamma / Math.sqrt(s + delta);
  const begin = total - cooldown;
  return (time) => {
    if (time < warmup) return start + (1 - start) * warmedUp(time, warmup);
    if (time <= begin || cooldown === 0) return running(time - warmup);
    return floor + (running(begin - warmup) - floor) * fall(share(time, begin, total));
  };
}
