import { EngineError } from "../errors.ts";
import { type ColumnTable, ColumnTableBuilder } from "./column-table.ts";
import type { Dataset } from "./dataset.ts";
import { JoinedTable } from "./joined-table.ts";
import type { Row, Table } from "./table.ts";
import { ViewTable } from "./view-table.ts";

export interface MapOptions {
  batched?: false;
  /** Columns that the result does not have, unless the function makes them. @default none */
  removeColumns?: readonly string[];
}

export interface MapBatches {
  batched: true;
  /** Rows of one call. @default 1000 */
  batchSize?: number;
  /** Columns that the result does not have, unless the function makes them. @default none */
  removeColumns?: readonly string[];
}

type Columns = Record<string, ArrayLike<unknown>>;

const WHERE = "Dataset.map";
const ROWS_AT_ONCE = 1000;

/**
 * The table of a dataset after a function has seen all its rows.
 *
 * @param transformed whether rows are read through a transform: then the table below has others, and all is stored
 */
export function mapTable(
  dataset: Dataset,
  make: (argument: unknown, index: number) => object | undefined,
  options: MapOptions | MapBatches,
  transformed: boolean,
): Table {
  const removed = new Set(options.removeColumns ?? []);
  const missing = [...removed].find((name) => !Object.hasOwn(dataset.features, name));
  if (missing !== undefined) {
    throw new EngineError(WHERE, `removeColumns names ${missing}`, `Columns are ${dataset.columnNames.join(", ")}.`);
  }
  const added = new ColumnTableBuilder(WHERE);
  const kept = transformed ? [] : dataset.columnNames.filter((name) => !removed.has(name));
  const run = transformed ? withOthers(make, removed) : make;
  const state = { added, kept, seen: new Set<string>(), partly: new Set<string>() };
  const length = options.batched ? mapBatches(dataset, run, options, state) : mapRows(dataset, run, state);
  const table = added.finish();
  if (length !== dataset.length) return table;
  return joined(dataset, table, kept, state.partly);
}

interface State {
  readonly added: ColumnTableBuilder;
  readonly kept: readonly string[];
  /** Columns that the function has made. */
  readonly seen: Set<string>;
  /** Those of them that it did not make for the first rows, and that the table has. */
  readonly partly: Set<string>;
}

/** Rows are gathered, so that columns can be stored. */
function mapRows(dataset: Dataset, make: (row: Row, index: number) => object | undefined, state: State): number {
  const { length } = dataset;
  for (let start = 0; start < length; start += ROWS_AT_ONCE) {
    const end = Math.min(start + ROWS_AT_ONCE, length);
    const columns = new Map<string, unknown[]>();
    const rows: Row[] = [];
    for (let i = start; i < end; i++) {
      const row = dataset.at(i);
      rows.push(row);
      const made = make(row, i);
      if (made === undefined || made === null) continue;
      if (typeof made !== "object") throw wrongResult(`gave ${String(made)} for row ${i}`);
      if (made instanceof Promise) throw wrongResult("is asynchronous");
      for (const name in made) {
        // rows before this one that have no value of the function keep theirs
        const values = columns.get(name) ?? new Array<unknown>(end - start).fill(KEEP);
        columns.set(name, values);
        values[i - start] = (made as Record<string, unknown>)[name];
      }
    }
    for (const [name, values] of columns) {
      for (let i = 0; i < values.length; i++) if (values[i] === KEEP) values[i] = rows[i]?.[name] ?? null;
    }
    add(state, Object.fromEntries(columns), end - start, start);
  }
  return length;
}

const KEEP = Symbol("as it was");

function mapBatches(
  dataset: Dataset,
  make: (columns: Columns, start: number) => object | undefined,
  { batchSize = 1000 }: MapBatches,
  state: State,
): number {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new EngineError(WHERE, `batchSize is ${batchSize}`, "Use a whole number above 0.");
  }
  let made = 0;
  for (let start = 0; start < dataset.length; start += batchSize) {
    const end = Math.min(start + batchSize, dataset.length);
    const rows = Array.from({ length: end - start }, (_, i) => dataset.at(start + i));
    const columns = Object.fromEntries(Object.keys(rows[0]!).map((name) => [name, rows.map((row) => row[name])]));
    const result = make(columns, start);
    if (typeof result !== "object" || result === null) throw wrongResult(`gave ${String(result)}`);
    if (result instanceof Promise) throw wrongResult("is asynchronous");
    const entries = Object.entries(result as Columns);
    const length = entries[0]?.[1]?.length ?? end - start;
    for (const [name, values] of entries) {
      const fits = values?.length === length && (length === end - start || state.kept.length === 0);
      if (!fits) throw wrongResult(`gave ${values?.length} values of ${JSON.stringify(name)} for ${end - start} rows`);
    }
    add(state, result as Columns, length, start);
    made += length;
  }
  return made;
}

/** Adds to what a function gives what it saw. */
function withOthers(
  make: (argument: unknown, index: number) => object | undefined,
  removed: ReadonlySet<string>,
): (argument: unknown, index: number) => object | undefined {
  return (argument, index) => {
    const others = Object.entries(argument as object).filter(([name]) => !removed.has(name));
    const made = make(argument, index);
    return made instanceof Promise ? made : { ...Object.fromEntries(others), ...made };
  };
}

function add({ added, kept, seen, partly }: State, columns: Columns, length: number, start: number): void {
  for (const name in columns) {
    if (!seen.has(name) && start > 0 && kept.includes(name)) partly.add(name);
    seen.add(name);
  }
  for (const name of seen) if (!(name in columns) && kept.includes(name)) partly.add(name);
  added.add(columns, length);
}

function joined(dataset: Dataset, added: ColumnTable, kept: readonly string[], partly: ReadonlySet<string>): Table {
  const columns = new Map(kept.map((name) => [name, name]));
  const base = new ViewTable(dataset.table, null, columns, () => dataset.fingerprint);
  return new JoinedTable(base, added, partly);
}

const wrongResult = (what: string): EngineError =>
  new EngineError(
    WHERE,
    `the function ${what}`,
    "Return the new columns of a row, or with batched: true arrays of as many values as there are rows, at once.",
  );
