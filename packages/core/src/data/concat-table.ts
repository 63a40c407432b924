import { type Features, joinFeatures } from "./feature-type.ts";
import { fingerprintAfter } from "./fingerprint.ts";
import { partAt, partStarts } from "./part-starts.ts";
import type { Table } from "./table.ts";

/** Tables one after the other. A column that one does not have is null there. */
export class ConcatTable implements Table {
  readonly length: number;
  readonly features: Features;
  readonly #tables: readonly Table[];
  readonly #starts: Float64Array;
  /** Whether all have all columns. */
  readonly #alike: boolean;

  constructor(tables: readonly Table[]) {
    this.#tables = tables;
    this.#starts = partStarts(tables);
    this.length = this.#starts[tables.length]!;
    this.features = tables.reduce<Features>((all, table) => joinFeatures(all, table.features), {});
    const count = Object.keys(this.features).length;
    this.#alike = tables.every((table) => Object.keys(table.features).length === count);
  }

  get fingerprint(): string {
    return fingerprintAfter("", "concatenate", ...this.#tables.map((table) => table.fingerprint));
  }

  row(index: number, columns: readonly string[]): Record<string, unknown> {
    const part = partAt(this.#starts, index);
    const table = this.#tables[part]!;
    const local = index - this.#starts[part]!;
    if (this.#alike) return table.row(local, columns);
    const known = table.row(
      local,
      columns.filter((name) => Object.hasOwn(table.features, name)),
    );
    return Object.fromEntries(columns.map((name) => [name, Object.hasOwn(known, name) ? known[name] : null]));
  }

  value(index: number, column: string): unknown {
    const part = partAt(this.#starts, index);
    const table = this.#tables[part]!;
    return Object.hasOwn(table.features, column) ? table.value(index - this.#starts[part]!, column) : null;
  }

  place(index: number): string {
    const part = partAt(this.#starts, index);
    return this.#tables[part]!.place(index - this.#starts[part]!);
  }
}
