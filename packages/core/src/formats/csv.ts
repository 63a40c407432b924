import { basename } from "node:path";
import type { Parser } from "csv-parse";
import { ColumnTableBuilder } from "../data/column-table.ts";
import type { Table } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import type { BadRows } from "./bad-rows.ts";
import { byteStream } from "./byte-stream.ts";
import { typeColumns } from "./csv-types.ts";

export interface CsvOptions {
  /** Between the values. @default "," in .csv, a tab in .tsv */
  delimiter?: string;
  /** Around values with delimiters and line ends in them; null where quotes are letters like others. @default '"' */
  quote?: string | null;
  /** Names of the columns, in a file whose first line is a row. @default the first line */
  columnNames?: readonly string[];
}

const ROWS_AT_ONCE = 4096;
/** A row of more bytes is a quote that is never closed. */
const LARGEST_ROW = 1 << 26;

/**
 * Reads a table of values between delimiters (RFC 4180). A column becomes numbers or booleans where every value of it
 * says one; an empty value is null.
 */
export async function readCsv(
  where: string,
  file: string,
  options: CsvOptions,
  bad: BadRows,
  signal?: AbortSignal,
): Promise<Table> {
  const name = basename(file);
  const { parse } = await import("csv-parse");
  const parser = parse({
    delimiter: options.delimiter ?? (/\.tsv(\.|$)/i.test(name) ? "\t" : ","),
    quote: options.quote === undefined ? '"' : options.quote,
    bom: true,
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: LARGEST_ROW,
  });
  // the parser would go on after a row of another length: so it does when such rows are to be left out
  let failure: Error | null = null;
  parser.on("skip", (error: Error) => {
    try {
      bad.add(where, `${name}: ${error.message}`, error);
    } catch (thrown) {
      failure ??= thrown as Error;
    }
  });
  const rows = new Rows(where, name, options.columnNames);
  await feed(
    parser,
    byteStream(where, file, signal),
    (row) => rows.add(row),
    () => failure,
  );
  return rows.finish();
}

/** Writes bytes into the parser and takes rows out of it, as fast as both go. */
async function feed(
  parser: Parser,
  bytes: AsyncIterable<Buffer>,
  row: (values: string[]) => void,
  failed: () => Error | null,
): Promise<void> {
  let ended: Error | true | null = null;
  parser.on("error", (error) => {
    ended = error;
  });
  parser.on("end", () => {
    ended = true;
  });
  const drain = (): void => {
    for (let values = parser.read() as string[] | null; values !== null; values = parser.read()) row(values);
    const failure = failed() ?? (ended instanceof Error ? ended : null);
    if (failure) throw failure;
  };
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  try {
    for await (const chunk of bytes) {
      parser.write(chunk);
      do {
        await settled();
        drain();
      } while (parser.writableLength > 0);
    }
    parser.end();
    while (ended !== true) {
      await settled();
      drain();
    }
  } finally {
    parser.destroy();
  }
}

/** Gathers rows into columns of texts. */
class Rows {
  readonly #where: string;
  readonly #name: string;
  readonly #builder: ColumnTableBuilder;
  #names: readonly string[] | null;
  #columns: (string | null)[][] = [];
  #count = 0;

  constructor(where: string, name: string, names: readonly string[] | undefined) {
    this.#where = where;
    this.#name = name;
    this.#builder = new ColumnTableBuilder(where);
    this.#names = names ?? null;
    if (names) this.#start(names);
  }

  add(values: readonly string[]): void {
    if (!this.#names) {
      this.#start(values);
      return;
    }
    if (values.length !== this.#names.length) {
      throw new EngineError(
        this.#where,
        `${this.#name} has ${values.length} values in a row, but ${this.#names.length} columns`,
        "Name as many columns as there are.",
      );
    }
    for (let i = 0; i < values.length; i++) this.#columns[i]!.push(values[i] === "" ? null : values[i]!);
    if (++this.#count === ROWS_AT_ONCE) this.#flush();
  }

  finish(): Table {
    if (!this.#names)
      throw new EngineError(this.#where, `${this.#name} is empty`, "Give it a first line with the columns' names.");
    this.#flush();
    return typeColumns(this.#where, this.#builder.finish(this.#name), this.#name);
  }

  #start(names: readonly string[]): void {
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined) {
      throw new EngineError(this.#where, `${this.#name} has two columns ${JSON.stringify(twice)}`, "Name each once.");
    }
    this.#names = names;
    this.#columns = names.map(() => []);
  }

  #flush(): void {
    this.#builder.add(Object.fromEntries(this.#names!.map((name, i) => [name, this.#columns[i]!])), this.#count);
    this.#columns = this.#columns.map(() => []);
    this.#count = 0;
  }
}
