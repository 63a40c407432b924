import { EngineError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";
import { placeOfRow } from "./row-place.ts";
import type { Row } from "./table.ts";

/**
 * Checks that a dataset has some columns.
 *
 * @throws EngineError naming the one that is missing and the nearest that there is
 */
export function requireColumns(
  where: string,
  dataset: { readonly columnNames: readonly string[] },
  names: readonly string[],
): void {
  const missing = names.find((name) => !dataset.columnNames.includes(name));
  if (missing === undefined) return;
  throw new EngineError(
    where,
    `the dataset has no column ${JSON.stringify(missing)}`,
    dataset.columnNames.length === 0
      ? "It has no columns at all."
      : `Columns are ${dataset.columnNames.join(", ")}; the nearest is ${nearestName(missing, dataset.columnNames)}. Rename one with renameColumn.`,
  );
}

/**
 * A row's text.
 *
 * @throws EngineError naming file and line, where there is no text or only spaces
 */
export function textOf(where: string, row: Row, column: string): string {
  const value = row[column];
  if (typeof value === "string" && /\S/.test(value)) return value;
  const what =
    typeof value === "string" ? `has no letters (${JSON.stringify(value)})` : `is ${shown(value)}, not a text`;
  throw new EngineError(
    where,
    `${JSON.stringify(column)} ${what} in ${placeOf(row)}`,
    `Give it a text, or leave such rows out: dataset.filter(({ ${column} }) => …).`,
  );
}

/**
 * A row's number.
 *
 * @throws EngineError naming file and line, where there is none or it is not finite
 */
export function numberOf(where: string, row: Row, column: string): number {
  const value = row[column];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "boolean") return value ? 1 : 0;
  throw new EngineError(
    where,
    `${JSON.stringify(column)} is ${shown(value)} in ${placeOf(row)}`,
    "Give it a finite number, or leave such rows out.",
  );
}

/** The texts of a batch: `textOf` each row. */
export const textColumn = (where: string, rows: readonly Row[], column: string): string[] =>
  rows.map((row) => textOf(where, row, column));

/** The numbers of a batch: `numberOf` each row. */
export const numberColumn = (where: string, rows: readonly Row[], column: string): Float64Array =>
  Float64Array.from(rows, (row) => numberOf(where, row, column));

const placeOf = (row: Row): string => placeOfRow(row) ?? "a row";

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return typeof value === "string" ? JSON.stringify(value.slice(0, 40)) : String(value);
}
