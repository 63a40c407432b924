import type { Features } from "./feature-type.ts";

/** A row's values by column. */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Rows by number, wherever they are kept: in memory, in a file that is read on demand, in another table. A `Dataset`
 * shows one. Reading is synchronous and does not change what later reads give.
 */
export interface Table {
  readonly length: number;
  /** In the order of columns. */
  readonly features: Features;
  /** Equal for equal contents, wherever the files lie. */
  readonly fingerprint: string;
  /** A row's values of some columns, in a new object; null where the row has none. */
  row(index: number, columns: readonly string[]): Record<string, unknown>;
  value(index: number, column: string): unknown;
  /** Where a row came from, for messages: "train.jsonl, line 12". */
  place(index: number): string;
}
