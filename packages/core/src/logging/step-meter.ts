import { memoryStats } from "../device.ts";
import type { StepReport } from "../trainer/trainer-state.ts";

/** Measures what the loop's own values do not tell: speed and memory between two log events. */
export interface StepMeter {
  count(report: StepReport): void;
  /** The values since the last call, by their names in the log; only memory where no step was counted. */
  take(): Record<string, number>;
}

/** @param memory whether memory is of interest. @default true */
export function stepMeter(memory = true): StepMeter {
  let [tokens, seconds] = [0, 0];
  return {
    count(report) {
      tokens += report.tokens;
      seconds += report.seconds;
    },
    take() {
      const speed = seconds > 0 ? { tokens_per_second: tokens / seconds } : {};
      [tokens, seconds] = [0, 0];
      if (!memory) return speed;
      const { current, peak } = memoryStats();
      return { ...speed, rss: process.memoryUsage.rss(), memory: current, memory_peak: peak };
    },
  };
}
