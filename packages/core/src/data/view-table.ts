import type { Features } from "./feature-type.ts";
import type { Table } from "./table.ts";

/** Some rows of a table in some order, under other names where `names` says so. The rows stay where they are. */
export class ViewTable implements Table {
  readonly length: number;
  readonly features: Features;
  readonly #table: Table;
  readonly #rows: Int32Array | null;
  /** The table's name of each column that has another here. */
  readonly #names: ReadonlyMap<string, string>;
  readonly #makeFingerprint: () => string;
  #fingerprint = "";
  #asked: { readonly columns: readonly string[]; readonly sources: readonly string[] } | null = null;

  /**
   * @param rows null for all, in order
   * @param columns name here → name there
   */
  constructor(table: Table, rows: Int32Array | null, columns: ReadonlyMap<string, string>, fingerprint: () => string) {
    if (table instanceof ViewTable) {
      const [under, names] = [table.#rows, table.#names];
      this.#rows = under && rows ? rows.map((row) => under[row]!) : (under ?? rows);
      this.#names = renamed([...columns].map(([name, source]) => [name, names.get(source) ?? source]));
      this.#table = table.#table;
    } else {
      this.#rows = rows;
      this.#names = renamed([...columns]);
      this.#table = table;
    }
    this.length = rows?.length ?? table.length;
    this.features = Object.fromEntries([...columns].map(([name, source]) => [name, table.features[source]!]));
    this.#makeFingerprint = fingerprint;
  }

  get fingerprint(): string {
    if (this.#fingerprint === "") this.#fingerprint = this.#makeFingerprint();
    return this.#fingerprint;
  }

  row(index: number, columns: readonly string[]): Record<string, unknown> {
    const at = this.#at(index);
    if (this.#names.size === 0) return this.#table.row(at, columns);
    const sources = this.#sourcesOf(columns);
    const stored = this.#table.row(at, sources);
    const row: Record<string, unknown> = {};
    for (let i = 0; i < columns.length; i++) row[columns[i]!] = stored[sources[i]!];
    return row;
  }

  /** The last answer is kept: rows are read one after the other with the same columns. */
  #sourcesOf(columns: readonly string[]): readonly string[] {
    if (this.#asked?.columns !== columns) {
      this.#asked = { columns, sources: columns.map((name) => this.#names.get(name) ?? name) };
    }
    return this.#asked.sources;
  }

  value(index: number, column: string): unknown {
    return this.#table.value(this.#at(index), this.#names.get(column) ?? column);
  }

  place(index: number): string {
    return this.#table.place(this.#at(index));
  }

  #at(index: number): number {
    return this.#rows ? this.#rows[index]! : index;
  }
}

const renamed = (columns: readonly (readonly [string, string])[]): ReadonlyMap<string, string> =>
  new Map(columns.filter(([name, source]) => name !== source));
