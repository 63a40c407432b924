import { type ColumnTable, ColumnTableBuilder } from "../data/column-table.ts";
import { JoinedTable } from "../data/joined-table.ts";
import type { Table } from "../data/table.ts";

/** No leading zeros: "007" is a name. */
const NUMBER = /^[+-]?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const NOT_A_NUMBER = /^[+-]?nan$/i;
const BOOLEANS: Readonly<Record<string, boolean>> = {
  true: true,
  True: true,
  TRUE: true,
  false: false,
  False: false,
  FALSE: false,
};
const ROWS_AT_ONCE = 8192;

/** Turns the columns of texts that are numbers or booleans throughout into such. */
export function typeColumns(where: string, table: ColumnTable, name: string): Table {
  const readers = Object.keys(table.features).flatMap((column) => {
    const read = readerOf(table, column);
    return read ? [[column, read] as const] : [];
  });
  if (readers.length === 0) return table;
  const typed = new ColumnTableBuilder(where);
  for (let start = 0; start < table.length; start += ROWS_AT_ONCE) {
    const length = Math.min(ROWS_AT_ONCE, table.length - start);
    const columns = readers.map(([column, read]) => {
      const values = Array.from({ length }, (_, i) => table.value(start + i, column) as string | null);
      return [column, values.map((value) => (value === null ? null : read(value)))] as const;
    });
    typed.add(Object.fromEntries(columns), length);
  }
  return new JoinedTable(table, typed.finish(name), new Set());
}

type Reader = (text: string) => number | boolean;

function readerOf(table: ColumnTable, column: string): Reader | null {
  let [numbers, booleans, some] = [true, true, false];
  for (let row = 0; row < table.length && (numbers || booleans); row++) {
    const value = table.value(row, column) as string | null;
    if (value === null) continue;
    some = true;
    if (numbers && !isNumber(value)) numbers = false;
    if (booleans && !Object.hasOwn(BOOLEANS, value)) booleans = false;
  }
  if (!some) return null;
  if (numbers) return (text) => (NOT_A_NUMBER.test(text) ? Number.NaN : Number(text));
  return booleans ? (text) => BOOLEANS[text]! : null;
}

/** A whole number beyond 2^53 stays a text, so that none of its digits is lost. */
function isNumber(text: string): boolean {
  if (NOT_A_NUMBER.test(text)) return true;
  return NUMBER.test(text) && (/[.eE]/.test(text) || Number.isSafeInteger(Number(text)));
}
