import type { Table } from "./table.ts";

/** Gives back what it is given, so that a class built on it adds its private fields to any object. */
class Itself {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is the purpose
    return object;
  }
}

/**
 * Writes on a row where it came from, so that whoever finds something wrong with it can name file and line. The note is
 * a private field: it costs little, and neither comparing nor copying nor printing the row shows it.
 */
class Note extends Itself {
  #table: Table;
  #index: number;

  private constructor(row: object, table: Table, index: number) {
    super(row);
    this.#table = table;
    this.#index = index;
  }

  static write(row: object, table: Table, index: number): void {
    if (#table in row) {
      row.#table = table;
      row.#index = index;
    } else new Note(row, table, index);
  }

  static read(row: object): string | null {
    return #table in row ? row.#table.place(row.#index) : null;
  }
}

export const notePlace: (row: object, table: Table, index: number) => void = Note.write;

/** Where a row that a `Dataset` gave came from, such as "train.jsonl, line 12"; null for other objects. */
export const placeOfRow: (row: object) => string | null = Note.read;
