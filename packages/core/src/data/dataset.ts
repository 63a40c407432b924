import { EngineError } from "../errors.ts";
import { checkOptions } from "../known-options.ts";
import { ColumnTableBuilder } from "./column-table.ts";
import { ConcatTable } from "./concat-table.ts";
import type { Features } from "./feature-type.ts";
import { fingerprintAfter } from "./fingerprint.ts";
import { type MapBatches, type MapOptions, mapTable } from "./map-table.ts";
import { NumpyGenerator } from "./numpy-generator.ts";
import { notePlace } from "./row-place.ts";
import { type SplitOptions, splitRows } from "./split-rows.ts";
import type { Row, Table } from "./table.ts";
import { ViewTable } from "./view-table.ts";

const MOST_ROWS = 2 ** 31 - 1; // rows are numbered in int32

/**
 * Rows and columns, as the Python library `datasets` has them. The rows lie off the JavaScript heap or in a file that
 * is read on demand; `select`, `shuffle`, `trainTestSplit` and their like make views, which cost four bytes a row. A
 * dataset never changes: every method gives a new one.
 *
 *     const pairs = (await loadDataset("pairs.jsonl")).shuffle({ seed: 12 });
 *     const { train, test } = pairs.trainTestSplit({ testSize: 1000, seed: 12 });
 *     for (const { anchor, positive } of train) …
 *
 * Values are strings, numbers, booleans, null; lists of numbers as arrays or as typed arrays, which are views of the
 * stored numbers and not to be written to; and whatever JSON has.
 */
export class Dataset<R extends Row = Row> implements Iterable<R> {
  readonly length: number;
  /** In the order in which losses and encoders see them. */
  readonly columnNames: readonly string[];
  readonly features: Features;
  /** Where the rows are kept. */
  readonly table: Table;
  readonly #columns: readonly string[];
  readonly #transform: ((row: Row) => Row) | null;

  private constructor(table: Table, transform: ((row: Row) => Row) | null = null) {
    if (table.length > MOST_ROWS) {
      throw new EngineError("Dataset", `${table.length} rows are more than ${MOST_ROWS}`, "Load the files in parts.");
    }
    this.table = table;
    this.length = table.length;
    this.features = table.features;
    this.#columns = Object.keys(table.features);
    this.columnNames = this.#columns;
    this.#transform = transform;
  }

  /** Over rows that something else keeps. */
  static over<R extends Row = Row>(table: Table): Dataset<R> {
    return new Dataset<R>(table);
  }

  /** Copies rows. Their columns are those of all rows, in order of appearance; what a row lacks is null. */
  static fromRows<R extends Row>(rows: Iterable<R>): Dataset<R> {
    const builder = new ColumnTableBuilder("Dataset.fromRows");
    const columns = new Map<string, unknown[]>();
    let length = 0;
    let before = 0;
    const flush = (): void => {
      for (const values of columns.values()) values.length = length; // holes are null
      builder.add(Object.fromEntries(columns), length);
      for (const name of columns.keys()) columns.set(name, []);
      before += length;
      length = 0;
    };
    for (const row of rows) {
      if (typeof row !== "object" || row === null || Array.isArray(row)) {
        const shown = Array.isArray(row) ? "a list" : JSON.stringify(row);
        throw new EngineError(
          "Dataset.fromRows",
          `row ${before + length} is ${shown}`,
          "Pass objects: { column: value }.",
        );
      }
      for (const name in row) {
        const values = columns.get(name) ?? [];
        columns.set(name, values);
        values[length] = row[name];
      }
      if (++length === 1000) flush();
    }
    flush();
    return new Dataset<R>(builder.finish());
  }

  /** Copies columns of one length: arrays, or typed arrays for numbers. */
  static fromColumns<R extends Row = Row>(columns: Readonly<Record<string, ArrayLike<unknown>>>): Dataset<R> {
    const [first, ...others] = Object.entries(columns);
    for (const [name, values] of others) {
      if (values.length === first![1].length) continue;
      throw new EngineError(
        "Dataset.fromColumns",
        `column ${JSON.stringify(name)} has ${values.length} values, but ${JSON.stringify(first![0])} has ${first![1].length}`,
        "Give columns of one length.",
      );
    }
    const builder = new ColumnTableBuilder("Dataset.fromColumns");
    builder.add(columns, first?.[1].length ?? 0);
    return new Dataset<R>(builder.finish());
  }

  /** Equal for equal contents, however they came about: of files, and of what was done to them since. */
  get fingerprint(): string {
    const { fingerprint } = this.table;
    return this.#transform ? fingerprintAfter(fingerprint, "transform", String(this.#transform)) : fingerprint;
  }

  /** A row; a negative number counts from the end. */
  at(index: number): R {
    const row = index < 0 ? this.length + index : index;
    if (!Number.isInteger(row) || row < 0 || row >= this.length) {
      throw new EngineError(
        "Dataset.at",
        `row ${index} of ${this.length} was asked for`,
        "Use a whole number below the length, or a negative one that counts from the end.",
      );
    }
    return this.#read(row);
  }

  rows(indices: ArrayLike<number>): R[] {
    return Array.from(indices, (index) => this.at(index));
  }

  *[Symbol.iterator](): Generator<R> {
    for (let row = 0; row < this.length; row++) yield this.#read(row);
  }

  /** The values of a column, read as they are asked for. */
  column<K extends keyof R & string>(name: K): Iterable<R[K]> {
    this.#checkColumns("Dataset.column", [name]);
    const read = (row: number) => (this.#transform ? this.#read(row)[name] : (this.table.value(row, name) as R[K]));
    const { length } = this;
    return {
      *[Symbol.iterator]() {
        for (let row = 0; row < length; row++) yield read(row);
      },
    };
  }

  /** Where a row came from, for messages: "train.jsonl, line 12". */
  place(index: number): string {
    return this.table.place(index < 0 ? this.length + index : index);
  }

  /** Rows by number, in that order, repeated where a number is. Negative ones count from the end. */
  select(indices: ArrayLike<number>): Dataset<R> {
    const rows = Int32Array.from(indices, (index) => {
      const row = index < 0 ? this.length + index : index;
      if (Number.isInteger(row) && row >= 0 && row < this.length) return row;
      throw new EngineError(
        "Dataset.select",
        `row ${index} of ${this.length} was asked for`,
        "Select whole numbers below the length.",
      );
    });
    return this.#view(rows, (before) => fingerprintAfter(before, "select", rows));
  }

  /** Without the first rows. */
  skip(count: number): Dataset<R> {
    return this.#range("skip", checkedCount("Dataset.skip", count, this.length), this.length);
  }

  /** The first rows, or all if there are fewer. */
  take(count: number): Dataset<R> {
    return this.#range("take", 0, checkedCount("Dataset.take", count, this.length));
  }

  /**
   * One of `numShards` parts, which differ by at most one row; the first ones are the longer ones.
   *
   * @param options.contiguous a run of rows; else every `numShards`-th. @default true
   */
  shard(options: { numShards: number; index: number; contiguous?: boolean }): Dataset<R> {
    const { numShards, index, contiguous = true } = options;
    if (!Number.isInteger(numShards) || !Number.isInteger(index) || index < 0 || index >= numShards) {
      throw new EngineError("Dataset.shard", `index is ${index} of ${numShards}`, "Use 0 ≤ index < numShards.");
    }
    const [each, longer] = [Math.floor(this.length / numShards), this.length % numShards];
    if (contiguous) {
      const start = index * each + Math.min(index, longer);
      return this.#range(`shard ${numShards}`, start, start + each + (index < longer ? 1 : 0));
    }
    const rows = new Int32Array(each + (index < longer ? 1 : 0));
    for (let i = 0; i < rows.length; i++) rows[i] = index + i * numShards;
    return this.#view(rows, (before) => fingerprintAfter(before, "shard", numShards, index));
  }

  /**
   * All rows in random order: for the same seed, the order of Python's `datasets`.
   *
   * @param options.seed @default 42
   */
  shuffle(options: { seed?: number } = {}): Dataset<R> {
    checkOptions("Dataset.shuffle", options, { seed: true });
    const { seed = 42 } = options;
    const rows = new NumpyGenerator(seed).permutation(this.length);
    return this.#view(rows, (before) => fingerprintAfter(before, "shuffle", seed));
  }

  /** Two parts: for the same seed, the rows that Python's `datasets` picks. */
  trainTestSplit(options: SplitOptions = {}): { train: Dataset<R>; test: Dataset<R> } {
    const { train, test, key } = splitRows(this.length, options);
    return {
      train: this.#view(train, (before) => fingerprintAfter(before, "train", key)),
      test: this.#view(test, (before) => fingerprintAfter(before, "test", key)),
    };
  }

  /** Only these columns, in this order. */
  selectColumns<K extends keyof R & string>(names: readonly K[]): Dataset<Pick<R, K>> {
    this.#checkColumns("Dataset.selectColumns", names);
    return this.#withColumns(new Map(names.map((name) => [name, name])));
  }

  removeColumns<K extends keyof R & string>(names: readonly K[]): Dataset<Omit<R, K>> {
    this.#checkColumns("Dataset.removeColumns", names);
    const kept = this.#columns.filter((name) => !names.includes(name as K));
    return this.#withColumns(new Map(kept.map((name) => [name, name])));
  }

  renameColumn(from: keyof R & string, to: string): Dataset {
    return this.renameColumns({ [from]: to });
  }

  /** @param names old name → new name */
  renameColumns(names: Readonly<Record<string, string>>): Dataset {
    this.#checkColumns("Dataset.renameColumns", Object.keys(names));
    const columns = this.#columns.map((name) => [Object.hasOwn(names, name) ? names[name]! : name, name] as const);
    const renamed = new Map(columns);
    if (renamed.size < columns.length) {
      throw new EngineError(
        "Dataset.renameColumns",
        `two columns would be called ${columns.map(([to]) => to).find((to, i, all) => all.indexOf(to) < i)}`,
        "Use a name once.",
      );
    }
    return this.#withColumns(renamed);
  }

  /**
   * Calls a function for every row and adds what it returns: columns of a known name are replaced. The new values are
   * copied off the heap, other columns stay where they are.
   *
   * @param make sees the row and its number; what it returns has the new columns, or is nothing
   */
  map<S extends Row>(
    make: (row: R, index: number) => S | undefined,
    options?: MapOptions,
  ): Dataset<Omit<R, keyof S> & S>;
  /**
   * The same for `batchSize` rows at a time, column by column. Where `removeColumns` leaves none of the old columns,
   * the number of rows may change.
   *
   * @param make sees a column's values under its name, and the number of the first row
   */
  map<S extends Row>(
    make: (columns: { [K in keyof R]: R[K][] }, start: number) => { [K in keyof S]: ArrayLike<S[K]> },
    options: MapBatches,
  ): Dataset<Omit<R, keyof S> & S>;
  map(make: never, options: MapOptions | MapBatches = {}): never {
    return new Dataset(mapTable(this, make, options, this.#transform !== null)) as never;
  }

  /** The rows for which a function says true. */
  filter(keep: (row: R, index: number) => unknown): Dataset<R> {
    const rows: number[] = [];
    for (let row = 0; row < this.length; row++) if (keep(this.#read(row), row)) rows.push(row);
    const kept = Int32Array.from(rows);
    return this.#view(kept, (before) => fingerprintAfter(before, "select", kept));
  }

  /** Calls a function for every row that is read, in place of one given before. Nothing is stored. */
  withTransform<S extends Row>(transform: (row: R) => S): Dataset<S> {
    return new Dataset<S>(this.table, transform as (row: Row) => Row);
  }

  #read(row: number): R {
    const stored = this.table.row(row, this.#columns);
    if (!this.#transform) {
      notePlace(stored, this.table, row);
      return stored as R;
    }
    notePlace(stored, this.table, row);
    const made = this.#transform(stored);
    if (typeof made !== "object" || made === null) {
      throw new EngineError("Dataset.withTransform", `the function gave ${String(made)}`, "Return a row.");
    }
    notePlace(made, this.table, row);
    return made as R;
  }

  #view(rows: Int32Array | null, fingerprint: (before: string) => string): Dataset<R> {
    const columns = new Map(this.#columns.map((name) => [name, name]));
    return new Dataset<R>(
      new ViewTable(this.table, rows, columns, () => fingerprint(this.table.fingerprint)),
      this.#transform,
    );
  }

  /** Rows from `start` up to `end`; all of them are the dataset itself. */
  #range(step: string, start: number, end: number): Dataset<R> {
    if (start === 0 && end === this.length) return this;
    const rows = new Int32Array(end - start);
    for (let i = 0; i < rows.length; i++) rows[i] = start + i;
    return this.#view(rows, (before) => fingerprintAfter(before, step, start, end));
  }

  #withColumns<S extends Row>(columns: ReadonlyMap<string, string>): Dataset<S> {
    const key = JSON.stringify([...columns]);
    const before = this.table;
    const table = new ViewTable(before, null, columns, () => fingerprintAfter(before.fingerprint, "columns", key));
    return new Dataset<S>(table, this.#transform);
  }

  #checkColumns(where: string, names: readonly string[]): void {
    for (const name of names) {
      if (Object.hasOwn(this.features, name)) continue;
      throw new EngineError(
        where,
        `there is no column ${JSON.stringify(name)}`,
        `Columns are ${this.#columns.join(", ")}.`,
      );
    }
  }
}

/** The rows of several datasets, one after the other. A column that one does not have is null there. */
export function concatenateDatasets<R extends Row>(datasets: readonly Dataset<R>[]): Dataset<R> {
  return Dataset.over<R>(new ConcatTable(datasets.map((dataset) => dataset.table)));
}

function checkedCount(where: string, count: number, length: number): number {
  if (Number.isInteger(count) && count >= 0) return Math.min(count, length);
  throw new EngineError(where, `the count is ${count}`, "Use a whole number from 0 on.");
}
