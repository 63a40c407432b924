import { numberOf } from "../data/check-rows.ts";
import { type Features, isNumber } from "../data/feature-type.ts";
import { placeOfRow } from "../data/row-place.ts";
import type { Row } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import type { Labels } from "./columns.ts";

const MOST = 2 ** 31 - 1;

/**
 * The labels of rows: numbers, or nested lists of numbers of one shape. ±∞ passes; a loss that has no use for it says so.
 *
 * @param features of the rows' dataset: a column of fractions is float32 even where a batch has whole numbers only
 * @returns `shape` is `[rows]` and then that of a row's label
 * @throws EngineError naming file and line, for a label that is missing, not a number, or of another shape
 */
export function readLabels(where: string, rows: readonly Row[], column: string, features?: Features): Labels {
  const shape: number[] = [];
  for (let level: unknown = rows[0]![column]; isList(level); level = level[0]) shape.push(level.length);
  const numbers: number[] = [];
  /** @param at places in the lists above it */
  const read = (value: unknown, row: Row, at: readonly number[]): void => {
    const width = shape[at.length];
    if (width === undefined) return void numbers.push(labelOf(where, value, row, column, at));
    if (!isList(value) || value.length !== width) {
      const found = isList(value) ? `${value.length} numbers` : "no list";
      throw new EngineError(
        where,
        `${shown(column, at)} has ${found} in ${placeOf(row)}, but ${width} in ${placeOf(rows[0]!)}`,
        "Give every row as many labels.",
      );
    }
    for (let i = 0; i < width; i++) read(value[i], row, [...at, i]);
  };
  for (const row of rows) read(row[column], row, []);
  return { values: typed(numbers, features, column), shape: [rows.length, ...shape] };
}

function labelOf(where: string, value: unknown, row: Row, column: string, at: readonly number[]): number {
  if (typeof value === "number" && !Number.isNaN(value)) return value;
  if (at.length === 0) return numberOf(where, row, column);
  const found = isList(value) ? "a list" : String(value);
  throw new EngineError(
    where,
    `${shown(column, at)} is ${found} in ${placeOf(row)}`,
    "Give every row numbers in lists of one shape.",
  );
}

/** "label", "label"[2]. */
const shown = (column: string, at: readonly number[]): string =>
  JSON.stringify(column) + at.map((i) => `[${i}]`).join("");

const placeOf = (row: Row): string => placeOfRow(row) ?? "a row";

const isList = (value: unknown): value is ArrayLike<unknown> =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

function typed(numbers: readonly number[], features: Features | undefined, column: string): Int32Array | Float32Array {
  const type = features?.[column];
  const element = type?.startsWith("list<") ? type.slice(5, -1) : type;
  const fractions = element !== undefined && isNumber(element as never) && element.startsWith("float");
  const whole = !fractions && numbers.every((value) => Number.isInteger(value) && Math.abs(value) <= MOST);
  return whole ? Int32Array.from(numbers) : Float32Array.from(numbers);
}
