import { EngineError } from "../errors.ts";
import { checkTimes, type Fall, fallOf, type Schedule, share, warmedUp } from "./schedule.ts";

export interface WarmupStableDecayScheduleOptions {
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
  shape?: Fall;
}

/**
 * A linear rise from `start`, a plateau at 1, and a fall to `floor`: `floor + (1 − floor)·f(s)` with f by `shape`. With
 * `decay` 0 it never falls.
 *
 * @see https://arxiv.org/abs/2405.18392 for the shapes of the fall; `get_wsd_schedule` of Hugging Face Transformers
 */
export function warmupStableDecaySchedule(options: WarmupStableDecayScheduleOptions): Schedule {
  const { warmup = 0, decay, total, floor = 0, start = 0, shape = "linear" } = options;
  checkTimes("warmupStableDecaySchedule", { warmup, decay, total, floor, start });
  const fall = fallOf("warmupStableDecaySchedule", shape);
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
