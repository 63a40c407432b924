import { EngineError } from "../errors.ts";
import type { Features } from "./feature-type.ts";
import type { RecordBytes } from "./record-bytes.ts";
import type { Row, Table } from "./table.ts";

/** Where the records of a file are. */
export interface RecordPlaces {
  /** `[records]`, in bytes. */
  readonly starts: Float64Array;
  /** `[records]`, in bytes. */
  readonly lengths: Uint32Array;
  /** `[records]`: the line on which each begins, from 1; null where it is the record's number. */
  readonly lines: Float64Array | null;
}

export interface RecordTableOptions {
  /** The file's name, for messages. */
  readonly name: string;
  readonly bytes: RecordBytes;
  readonly places: RecordPlaces;
  readonly features: Features;
  readonly fingerprint: string;
  /** What a record's text says. It was read once before, without an error. */
  readonly decode: (text: string) => Row;
}

/** Rows of a text format, found once and read whenever they are asked for. In memory is only where each one is. */
export class RecordTable implements Table {
  readonly length: number;
  readonly features: Features;
  readonly fingerprint: string;
  readonly #options: RecordTableOptions;

  constructor(options: RecordTableOptions) {
    this.length = options.places.starts.length;
    this.features = options.features;
    this.fingerprint = options.fingerprint;
    this.#options = options;
  }

  row(index: number, columns: readonly string[]): Record<string, unknown> {
    const record = this.#record(index);
    const row: Record<string, unknown> = {};
    for (const name of columns) row[name] = fieldOf(record, name);
    return row;
  }

  value(index: number, column: string): unknown {
    return fieldOf(this.#record(index), column);
  }

  place(index: number): string {
    const { name, places } = this.#options;
    return `${name}, line ${places.lines ? places.lines[index] : index + 1}`;
  }

  #record(index: number): Row {
    const { bytes, places, decode } = this.#options;
    const text = bytes.text(places.starts[index]!, places.lengths[index]!);
    try {
      return decode(text);
    } catch (error) {
      throw new EngineError(
        "Dataset",
        `${this.place(index)} cannot be read any more: ${(error as Error).message}`,
        "Load the file again, and leave it as it is while it is in use.",
        { cause: error },
      );
    }
  }
}

/** A column may be called "constructor". */
function fieldOf(record: Row, name: string): unknown {
  const value = record[name];
  return value === undefined || typeof value === "function" ? null : value;
}
