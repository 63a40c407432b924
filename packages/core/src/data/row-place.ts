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

/** Writes on a row which of several datasets it is from, in the same way. */
class DatasetNote extends Itself {
  #name: string;

  private constructor(row: object, name: string) {
    super(row);
    this.#name = name;
  }

  static write(row: object, name: string): void {
    if (#name in row) row.#name = name;
    else new DatasetNote(row, name);
  }

  static read(row: object): string | null {
    return #name in row ? row.#name : null;
  }
}

export const noteDataset: (row: object, name: string) => void = DatasetNote.write;

/** The name of the dataset that a row of a `MultiDataset` is from; null for other rows. */
export const datasetOfRow: (row: object) => string | null = DatasetNote.read;
