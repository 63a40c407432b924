/** The devices that suites run on: one per instruction-set level that this machine has. */
import { cpuLevels, type Device, openCpu } from "@ettin/core";

const opened = new Map<string, Device>();

/** A device that suites share, so that a file opens each only once. */
export function device(level: string, threads = 2): Device {
  const key = `${level} ${threads}`;
  let found = opened.get(key);
  if (!found) {
    found = openCpu({ level, threads });
    opened.set(key, found);
  }
  return found;
}

/** Ascending; with a build for emulation, "emulated" among them. */
export const levels: readonly string[] = cpuLevels();
