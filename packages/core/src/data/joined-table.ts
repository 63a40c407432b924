import type { ColumnTable } from "./column-table.ts";
import { type Features, joinTypes } from "./feature-type.ts";
import { fingerprintAfter } from "./fingerprint.ts";
import type { Table } from "./table.ts";

interface Plan {
  readonly columns: readonly string[];
  /** Those that the table below has to give. */
  readonly kept: readonly string[];
  /** Of each column whether it is an added one. */
  readonly added: readonly boolean[];
}

/** Columns added to those of a table, or put in their place, row by row. */
export class JoinedTable implements Table {
  readonly length: number;
  readonly features: Features;
  readonly #table: Table;
  readonly #added: ColumnTable;
  readonly #partly: ReadonlySet<string>;
  #plan: Plan | null = null;

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
    const { kept, added } = this.#planFor(columns);
    const under = kept.length > 0 ? this.#table.row(index, kept) : null;
    const row: Record<string, unknown> = {};
    for (let i = 0; i < columns.length; i++) {
      const name = columns[i]!;
      const value = added[i] ? this.#added.stored(index, name) : undefined;
      row[name] = value === undefined ? (under?.[name] ?? null) : value;
    }
    return row;
  }

  /** Where columns come from. The last answer is kept: rows are read one after the other with the same columns. */
  #planFor(columns: readonly string[]): Plan {
    if (this.#plan?.columns !== columns) {
      const added = columns.map((name) => Object.hasOwn(this.#added.features, name));
      const kept = columns.filter((name, i) => !added[i] || this.#partly.has(name));
      this.#plan = { columns, kept, added };
    }
    return this.#plan;
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
