import { readFileSync } from "node:fs";

/**
 * Megabytes that this process has held at most. On Linux its own: `resourceUsage().maxRSS` begins with what the process that
 * started it held. JavaScript, for the script whose start is timed.
 *
 * @returns {number}
 */
export function peakMemory() {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS / 1024;
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
}
