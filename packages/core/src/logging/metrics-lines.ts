import { existsSync, readFileSync, renameSync, truncateSync } from "node:fs";

const NEWLINE = 0x0a;

/** What continuing a file of JSON lines found. */
export interface ContinuedLines {
  /** Whole lines that were cut off, because their steps will be taken again. */
  readonly repeated: number;
  /** Bytes of a last line that a crash had cut short. */
  readonly tornBytes: number;
}

/**
 * Cuts a file of JSON lines back to a step: lines at its end that belong to later steps go, and so does a line without an
 * end. Lines that are not ours, which have no `step`, stay where they are.
 */
export function cutLinesAfter(path: string, step: number): ContinuedLines {
  if (!existsSync(path)) return { repeated: 0, tornBytes: 0 };
  const bytes = readFileSync(path);
  const whole = bytes.lastIndexOf(NEWLINE) + 1;
  let end = whole;
  let repeated = 0;
  while (end > 0) {
    const start = end >= 2 ? bytes.lastIndexOf(NEWLINE, end - 2) + 1 : 0;
    const at = stepOf(bytes.toString("utf8", start, end));
    if (at === null || at <= step) break;
    end = start;
    repeated++;
  }
  if (end < bytes.length) truncateSync(path, end);
  return { repeated, tornBytes: bytes.length - whole };
}

function stepOf(line: string): number | null {
  try {
    const { step } = JSON.parse(line) as { step?: unknown };
    return typeof step === "number" ? step : null;
  } catch {
    return null;
  }
}

/** Moves the file of an earlier run out of the way: `metrics.jsonl` becomes `metrics.1.jsonl`, or the next free number. */
export function setAside(path: string): string | null {
  if (!existsSync(path)) return null;
  const dot = path.lastIndexOf(".");
  for (let n = 1; ; n++) {
    const aside = `${path.slice(0, dot)}.${n}${path.slice(dot)}`;
    if (existsSync(aside)) continue;
    renameSync(path, aside);
    return aside;
  }
}
