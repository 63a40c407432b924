import { numberOf } from "../data/check-rows.ts";
import { type Features, isNumber } from "../data/feature-type.ts";
import { placeOfRow } from "../data/row-place.ts";
import type { Row } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import type { Labels } from "./columns.ts";

const MOST = 2 ** 31 - 1;

/**
 * The labels of rows: numbers, or lists of numbers of one length.
 *
 * @param features of the rows' dataset: a column of fractions is float32 even where a batch has whole numbers only
 * @throws EngineError naming file and line, for a label that is missing, not a number, or of another length
 */
export function readLabels(where: string, rows: readonly Row[], column: string, features?: Features): Labels {
  const first = rows[0]![column];
  if (!isList(first)) {
    const numbers = rows.map((row) => numberOf(where, row, column));
    return { values: typed(numbers, features, column), shape: [rows.length] };
  }
  const width = first.length;
  const numbers: number[] = [];
  for (const row of rows) {
    const list = row[column];
    if (!isList(list) || list.length !== width) {
      throw new EngineError(
        where,
        `${JSON.stringify(column)} has ${isList(list) ? `${list.length} numbers` : "no list"} in ${placeOf(row)}, but ` +
          `${width} in ${placeOf(rows[0]!)}`,
        "Give every row as many labels.",
      );
    }
    for (let i = 0; i < width; i++) {
      const value: unknown = list[i];
      if (typeof value === "number" && Number.isFinite(value)) numbers.push(value);
      else
        throw new EngineError(
          where,
          `number ${i} of ${JSON.stringify(column)} is ${String(value)} in ${placeOf(row)}`,
          "Give finite numbers.",
        );
    }
  }
  return { values: typed(numbers, features, column), shape: [rows.length, width] };
}

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
