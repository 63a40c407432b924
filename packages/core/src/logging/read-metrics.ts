import { readFileSync } from "node:fs";
import type { LogRecord } from "./log-record.ts";

/** What a run logged, from its `metrics.jsonl`. A line that a crash cut short is left out. */
export const readMetrics = (path: string): LogRecord[] =>
  readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line): LogRecord[] => {
      try {
        const record = JSON.parse(line) as LogRecord | null;
        return typeof record?.step === "number" ? [record] : [];
      } catch {
        return [];
      }
    });
