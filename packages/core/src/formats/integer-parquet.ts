import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import { EngineError } from "../errors.ts";
import { flushFolder } from "../hub/flush-folder.ts";

/** A column of whole numbers of 32 bits, or of lists of them. */
export type IntegerColumn = "int32" | "list<int32>";

/** Numbers in a row group: what is held in memory. */
const GROUP = 2 ** 20;

/**
 * Writes a Parquet file of whole numbers, a row group at a time, Snappy-compressed. The file appears at its path when it
 * is complete.
 *
 *     const file = await IntegerParquetWriter.create("steps.parquet", { input_ids: "list<int32>", step: "int32" });
 *     await file.write({ input_ids: [1, 2], step: 1 });
 *     await file.finish();
 */
export class IntegerParquetWriter {
  readonly path: string;
  readonly #partial: string;
  readonly #file: FileHandle;
  readonly #columns: Readonly<Record<string, IntegerColumn>>;
  readonly #bytes = new ByteWriter(2 ** 16);
  readonly #parquet: ParquetWriter;
  #rows: Record<string, unknown[]>;
  #numbers = 0;

  private constructor(
    path: string,
    partial: string,
    file: FileHandle,
    columns: Readonly<Record<string, IntegerColumn>>,
  ) {
    this.path = path;
    this.#partial = partial;
    this.#file = file;
    this.#columns = columns;
    this.#parquet = new ParquetWriter({ writer: this.#bytes, schema: schemaOf(columns), createdBy: "ettin" });
    this.#rows = emptyRows(columns);
  }

  static async create(path: string, columns: Readonly<Record<string, IntegerColumn>>): Promise<IntegerParquetWriter> {
    const partial = join(dirname(path), `.${basename(path)}.partial`);
    return new IntegerParquetWriter(path, partial, await open(partial, "w"), columns);
  }

  /** @throws EngineError naming the column whose value is no whole number of 32 bits, or no list of them */
  async write(row: Readonly<Record<string, number | ArrayLike<number>>>): Promise<void> {
    for (const [name, type] of Object.entries(this.#columns)) {
      const value = row[name];
      const numbers = type === "int32" ? [value as number] : Array.from((value ?? []) as ArrayLike<number>);
      if (value === undefined || !numbers.every((each) => Number.isInteger(each) && each === (each | 0))) {
        throw new EngineError(
          "IntegerParquetWriter",
          `column ${JSON.stringify(name)} of ${type} is given ${JSON.stringify(value)?.slice(0, 80)}`,
          "Give whole numbers of 32 bits.",
        );
      }
      this.#rows[name]!.push(type === "int32" ? value : numbers);
      this.#numbers += numbers.length;
    }
    if (this.#numbers >= GROUP) await this.#writeGroup();
  }

  /** Completes the file. */
  async finish(): Promise<void> {
    if (this.#numbers > 0) await this.#writeGroup();
    this.#parquet.finish();
    await this.#flush();
    await this.#file.sync();
    await this.#file.close();
    await rename(this.#partial, this.path);
    await flushFolder(dirname(this.path));
  }

  /** Closes and removes the file that is not complete. */
  async abandon(): Promise<void> {
    await this.#file.close();
    await rm(this.#partial, { force: true });
  }

  async #writeGroup(): Promise<void> {
    const columnData = Object.entries(this.#rows).map(([name, data]) => ({ name, data }));
    this.#parquet.write({ columnData, rowGroupSize: columnData[0]!.data.length });
    this.#rows = emptyRows(this.#columns);
    this.#numbers = 0;
    await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = this.#bytes.getBytes();
    for (let done = 0; done < bytes.length; ) {
      done += (await this.#file.write(bytes, done, bytes.length - done)).bytesWritten;
    }
    this.#bytes.index = 0; // the offset goes on
  }
}

const emptyRows = (columns: Readonly<Record<string, IntegerColumn>>): Record<string, unknown[]> =>
  Object.fromEntries(Object.keys(columns).map((name) => [name, []]));

function schemaOf(columns: Readonly<Record<string, IntegerColumn>>): SchemaElement[] {
  const names = Object.keys(columns);
  const number = (name: string): SchemaElement => ({ name, type: "INT32", repetition_type: "REQUIRED" });
  return [
    { name: "schema", num_children: names.length },
    ...names.flatMap((name): SchemaElement[] =>
      columns[name] === "int32"
        ? [number(name)]
        : [
            { name, repetition_type: "REQUIRED", converted_type: "LIST", num_children: 1 },
            { name: "list", repetition_type: "REPEATED", num_children: 1 },
            number("element"),
          ],
    ),
  ];
}
