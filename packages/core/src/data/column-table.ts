import type { Column } from "./column.ts";
import { encodeColumn } from "./encode-column.ts";
import { type Features, type FeatureType, joinTypes } from "./feature-type.ts";
import { digestOf, newHash } from "./fingerprint.ts";
import { partAt, partStarts } from "./part-starts.ts";
import type { Table } from "./table.ts";

/** Rows of a part: few enough for its values to be in JavaScript's heap for a moment. */
const PART_ROWS = 8192;
/** Characters or bytes of a part's texts. A longer text is a part of its own. */
const PART_LENGTH = 1 << 22;

interface Part {
  readonly length: number;
  readonly columns: ReadonlyMap<string, Column>;
}

/** Rows in memory, column by column, off the JavaScript heap. */
export class ColumnTable implements Table {
  readonly length: number;
  readonly features: Features;
  readonly #name: string | null;
  readonly #parts: readonly Part[];
  readonly #starts: Float64Array;
  #fingerprint = "";

  /** @param name of the file, for messages */
  constructor(parts: readonly Part[], features: Features, name: string | null) {
    this.#parts = parts;
    this.#starts = partStarts(parts);
    this.length = this.#starts[parts.length]!;
    this.features = features;
    this.#name = name;
  }

  get fingerprint(): string {
    if (this.#fingerprint === "") {
      const hash = newHash();
      for (const { length, columns } of this.#parts) {
        hash.update(`part ${length}\0`);
        for (const [name, column] of columns) column.addTo(hash.update(`${name}\0`));
      }
      this.#fingerprint = digestOf(hash);
    }
    return this.#fingerprint;
  }

  row(index: number, columns: readonly string[]): Record<string, unknown> {
    const part = partAt(this.#starts, index);
    const local = index - this.#starts[part]!;
    const stored = this.#parts[part]!.columns;
    const row: Record<string, unknown> = {};
    for (const name of columns) row[name] = stored.get(name)?.at(local) ?? null;
    return row;
  }

  value(index: number, column: string): unknown {
    return this.stored(index, column) ?? null;
  }

  /** Like `value`, but undefined where the row's part has no such column. */
  stored(index: number, column: string): unknown {
    const part = partAt(this.#starts, index);
    return this.#parts[part]!.columns.get(column)?.at(index - this.#starts[part]!);
  }

  place(index: number): string {
    return `${this.#name === null ? "" : `${this.#name}, `}row ${index + 1}`;
  }
}

/** Collects columns, a run of rows at a time, and copies them off the heap. */
export class ColumnTableBuilder {
  readonly #where: string;
  readonly #texts: ReadonlySet<string>;
  readonly #parts: Part[] = [];
  readonly #features = new Map<string, FeatureType>();

  /** @param texts columns whose byte arrays are texts in UTF-8 */
  constructor(where: string, texts: Iterable<string> = []) {
    this.#where = where;
    this.#texts = new Set(texts);
  }

  /** Adds rows. All columns have `length` values; a column that others had before may be missing. */
  add(columns: Readonly<Record<string, ArrayLike<unknown>>>, length: number): void {
    const entries = Object.entries(columns);
    for (let start = 0; start < length; ) {
      const end = partEnd(entries, start, length);
      const stored = new Map<string, Column>();
      for (const [name, values] of entries) {
        const column = encodeColumn({
          where: this.#where,
          name,
          values: start === 0 && end === values.length ? values : slice(values, start, end),
          texts: this.#texts.has(name),
        });
        stored.set(name, column);
        const known = this.#features.get(name);
        this.#features.set(name, known === undefined ? column.type : joinTypes(known, column.type));
      }
      this.#parts.push({ length: end - start, columns: stored });
      start = end;
    }
    if (length === 0) for (const [name] of entries) if (!this.#features.has(name)) this.#features.set(name, "null");
  }

  /** @param name of the file, for messages */
  finish(name: string | null = null): ColumnTable {
    return new ColumnTable(this.#parts, Object.fromEntries(this.#features), name);
  }
}

/** Where the part that begins at `start` ends. */
function partEnd(columns: readonly [string, ArrayLike<unknown>][], start: number, length: number): number {
  const most = Math.min(length, start + PART_ROWS);
  let size = 0;
  for (let row = start; row < most; row++) {
    for (const [, values] of columns) {
      const value = values[row];
      if (typeof value === "string" || value instanceof Uint8Array) size += value.length;
    }
    if (size > PART_LENGTH && row > start) return row;
  }
  return most;
}

const slice = (values: ArrayLike<unknown>, start: number, end: number): ArrayLike<unknown> =>
  Array.isArray(values) || ArrayBuffer.isView(values)
    ? (values as unknown[]).slice(start, end)
    : Array.from({ length: end - start }, (_, i) => values[start + i]);
