import { type FileHandle, open } from "node:fs/promises";
import { basename } from "node:path";
import * as zlib from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData } from "hyparquet";
import { ColumnTableBuilder } from "../data/column-table.ts";
import type { Table } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import { chosenColumns } from "./chosen-columns.ts";

/** So many are in JavaScript's heap for a moment. A row group may have millions. */
const ROWS_AT_ONCE = 1 << 17;

/**
 * Reads a Parquet file into memory, a row group at a time, column by column.
 *
 * @param columns to read. @default all
 */
export async function readParquet(
  where: string,
  file: string,
  columns: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<Table> {
  const name = basename(file);
  const handle = await open(file);
  try {
    const [{ parquetMetadataAsync, parquetScan }, compressors] = await Promise.all([
      import("hyparquet"),
      decompressors(),
    ]);
    const bytes = bufferOf(handle, (await handle.stat()).size);
    const metadata = await parquetMetadataAsync(bytes, { geoparquet: false });
    const { names, texts } = schemaOf(metadata);
    const wanted = chosenColumns(where, name, names, columns);
    const scan = (some: readonly string[], parsers: object) =>
      parquetScan({ file: bytes, metadata, columns: [...some], compressors, parsers, utf8: false, geoparquet: false });
    // texts stay bytes, so that they never enter JavaScript's heap
    const asBytes = await scan(
      wanted.filter((column) => texts.has(column)),
      { stringFromBytes: (text: Uint8Array) => text },
    );
    const asValues = await scan(
      wanted.filter((column) => !texts.has(column)),
      {},
    );

    const builder = new ColumnTableBuilder(where, texts);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      signal?.throwIfAborted();
      const groupEnd = rowStart + Number(group.num_rows);
      while (rowStart < groupEnd) {
        const rowEnd = Math.min(rowStart + ROWS_AT_ONCE, groupEnd);
        const rows = rowEnd - rowStart;
        const part: Record<string, ArrayLike<unknown>> = {};
        for (const column of wanted) {
          const values = await (texts.has(column) ? asBytes : asValues).readColumn({ column, rowStart, rowEnd });
          if (values.length !== rows) {
            throw new Error(`${values.length} values of ${column} in ${rows} rows from ${rowStart} on`);
          }
          part[column] = values;
        }
        builder.add(part, rows);
        rowStart = rowEnd;
      }
    }
    if (metadata.row_groups.length === 0) builder.add(Object.fromEntries(wanted.map((column) => [column, []])), 0);
    return builder.finish(name);
  } catch (error) {
    if (error instanceof EngineError || signal?.aborted) throw error;
    throw new EngineError(
      where,
      `${name} cannot be read as Parquet: ${(error as Error).message}`,
      "It is cut off or damaged: download or write it again.",
      { cause: error },
    );
  } finally {
    await handle.close();
  }
}

/** The columns, and those of them that are texts. */
function schemaOf(metadata: FileMetaData): { readonly names: string[]; readonly texts: Set<string> } {
  const names: string[] = [];
  const texts = new Set<string>();
  const { schema } = metadata;
  /** @returns the place after an element and all below it */
  const after = (at: number): number => {
    const element = schema[at];
    if (!element) throw new Error("its schema is cut off");
    let next = at + 1;
    for (let child = 0; child < (element.num_children ?? 0); child++) next = after(next);
    return next;
  };
  const columns = schema[0]?.num_children ?? 0;
  for (let i = 0, at = 1; i < columns; i++) {
    const element = schema[at];
    if (!element) throw new Error("its schema is cut off");
    names.push(element.name);
    const isText = element.converted_type === "UTF8" || element.logical_type?.type === "STRING";
    if (isText && !element.num_children && element.repetition_type !== "REPEATED") texts.add(element.name);
    at = after(at);
  }
  return { names, texts };
}

/** The file as the reader wants it. Where it asks for several places at once it looks at one failure only. */
function bufferOf(handle: FileHandle, byteLength: number): AsyncBuffer {
  const read = async (start: number, end: number): Promise<ArrayBuffer> => {
    if (!(start >= 0 && start <= end && end <= byteLength)) {
      throw new Error(`it names bytes ${start} to ${end}, but has ${byteLength}`);
    }
    const bytes = new Uint8Array(end - start);
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, start + at);
      if (bytesRead === 0) throw new Error(`it ends at byte ${start + at}`);
      at += bytesRead;
    }
    return bytes.buffer;
  };
  return {
    byteLength,
    slice(start, end = byteLength) {
      const bytes = read(start, end);
      bytes.catch(() => {});
      return bytes;
    },
  };
}

type Unpack = (input: Uint8Array, length: number) => Uint8Array;

/** Node's own where it has them. */
async function decompressors(): Promise<Compressors> {
  const { compressors } = await import("hyparquet-compressors");
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (input: Uint8Array, options: object) => Buffer };
  const own: Record<string, Unpack> = {
    GZIP: (input, length) => zlib.gunzipSync(input, { maxOutputLength: Math.max(length, 1) }),
    BROTLI: (input, length) => zlib.brotliDecompressSync(input, { maxOutputLength: Math.max(length, 1) }),
  };
  if (zstdDecompressSync)
    own.ZSTD = (input, length) => zstdDecompressSync(input, { maxOutputLength: Math.max(length, 1) });
  return { ...(compressors as Compressors), ...own };
}
