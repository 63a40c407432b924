import type { ColumnTable } from "./column-table.ts";
import { type Features, joinTypes } from "./feature-type.ts";
import { fingerprintAfter } from "./fingerprint.ts";
import type { Table } from "./table.ts";

/** Columns added to those of a table, or put in their place, row by row. */
export class JoinedTable implements Table {
  readonly length: number;
  readonly features: Features;
  readonly #table: Table;
  readonly #added: ColumnTable;
  readonly #partly: ReadonlySet<string>;

  /** @param partly columns that some rows of `added` leave as the table has them */
  constructor(table: Table, added: ColumnTable, partly: ReadonlySet<string>) {
    this.length = table.length;
    this.#table = table;
    this.#added = added;
    this.#partly = partly;
    const features = { ...table.features, ...added.features };
    for (const name of partly) features[name] = joinTypes(added.features[name]!, table.features[name]!);
    this.features = features;
  }

  get fingerprint(): string {
    return fingerprintAfter(this.#table.fingerprint, "map", this.#added.fingerprint);
  }

  row(index: number, columns: readonly string[]): Record<string, unknown> {
    const kept = columns.filter((name) => !Object.hasOwn(this.#added.features, name) || this.#partly.has(name));
    const under = kept.length > 0 ? this.#table.row(index, kept) : {};
    const row: Record<string, unknown> = {};
    for (const name of columns) {
      const value = Object.hasOwn(this.#added.features, name) ? this.#added.stored(index, name) : undefined;
      row[name] = value === undefined ? (Object.hasOwn(under, name) ? under[name] : null) : value;
    }
    return row;
  }

  value(index: number, column: string): unknown {
    const value = Object.hasOwn(this.#added.features, column) ? this.#added.stored(index, column) : undefined;
    if (value !== undefined) return value;
    return Object.hasOwn(this.#table.features, column) ? this.#table.value(index, column) : null;
  }

  place(index: number): string {
    return this.#table.place(index);
  }
}
