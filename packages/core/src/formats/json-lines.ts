import type { Row } from "../data/table.ts";
import type { RecordFormat } from "./read-records.ts";
import { jsonArrayScanner, lineScanner } from "./record-scanner.ts";

/** An object on every line; empty lines are none. */
export const jsonLines = (): RecordFormat => ({ scanner: lineScanner(false), decode: jsonObject });

/** One array of objects. */
export const jsonArray = (): RecordFormat => ({ scanner: jsonArrayScanner(), decode: jsonObject });

/** @throws Error that goes on after a file and a line */
export function jsonObject(text: string): Row {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const constant = /(?<=[[:,]\s*)(?:NaN|-?Infinity)\b/.exec(text)?.[0];
    throw new Error(constant ? `has ${constant}, which is not JSON` : `is not JSON: ${(error as Error).message}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Row;
  throw new Error(
    `is ${Array.isArray(value) ? "an array" : JSON.stringify(value).slice(0, 40)}, not an object with columns`,
  );
}
