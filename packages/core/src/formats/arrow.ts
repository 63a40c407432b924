import { open } from "node:fs/promises";
import { basename } from "node:path";
import type { Batch, Column } from "@uwdata/flechette";
import { ColumnTableBuilder } from "../data/column-table.ts";
import type { Table } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import { chosenColumns } from "./chosen-columns.ts";

/** So many are in JavaScript's heap for a moment. */
const ROWS_AT_ONCE = 8192;

/**
 * Reads an Arrow IPC file or stream, as the Python library `datasets` saves them, a record batch at a time.
 *
 * @param columns to read. @default all
 */
export async function readArrow(
  where: string,
  file: string,
  columns: readonly string[] | undefined,
  signal?: AbortSignal,
): Promise<Table> {
  const name = basename(file);
  const bytes = await readWhole(file);
  signal?.throwIfAborted();
  const arrow = await import("@uwdata/flechette");
  const { decompress } = await import("fzstd");
  arrow.setCompressionCodec(arrow.CompressionType.ZSTD, {
    encode: () => {
      throw new Error("not written here");
    },
    decode: (packed) => decompress(packed).slice(), // values of 8 bytes lie at multiples of 8
  });
  try {
    const table = arrow.tableFromIPC(bytes, { useDate: true, useBigInt: true });
    const wanted = chosenColumns(where, name, table.names, columns);
    const stored = wanted.map((column) => [column, table.getChild(column)] as const);
    const isText = ({ type }: Column<unknown>) =>
      type.typeId === arrow.Type.Utf8 || type.typeId === arrow.Type.LargeUtf8;
    const texts = new Set(stored.filter(([, column]) => isText(column)).map(([column]) => column));
    const builder = new ColumnTableBuilder(where, texts);
    const batches = stored[0]?.[1].data.length ?? 0;
    for (let i = 0; i < batches; i++) {
      const { length } = stored[0]![1].data[i]!;
      for (let start = 0; start < length; start += ROWS_AT_ONCE) {
        const end = Math.min(start + ROWS_AT_ONCE, length);
        const parts = stored.map(([column, { data }]) => {
          const read = texts.has(column) ? textsOf : valuesOf;
          return [column, read(data[i]!, start, end)] as const;
        });
        builder.add(Object.fromEntries(parts), end - start);
      }
    }
    if (batches === 0) builder.add(Object.fromEntries(wanted.map((column) => [column, []])), 0);
    return builder.finish(name);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(
      where,
      `${name} cannot be read as Arrow IPC: ${(error as Error).message}`,
      "It is cut off or damaged, or packed with LZ4: write it again, unpacked or as Parquet.",
      { cause: error },
    );
  }
}

/** The bytes of texts, which need not be decoded to be copied. */
function textsOf(batch: Batch<unknown>, start: number, end: number): (Uint8Array | null)[] {
  const { values, offsets, nullCount } = batch as unknown as TextBatch;
  return Array.from({ length: end - start }, (_, i) => {
    const row = start + i;
    if (nullCount > 0 && !batch.isValid(row)) return null;
    const [from, to] = [Number(offsets[row]), Number(offsets[row + 1])];
    if (from >= 0 && from <= to && to <= values.length) return values.subarray(from, to);
    throw new Error(`a text is said to be at ${from} to ${to} of ${values.length} bytes`);
  });
}

interface TextBatch {
  readonly values: Uint8Array;
  readonly offsets: ArrayLike<number | bigint>;
  readonly nullCount: number;
}

/** Numbers as they lie there, where no row is without one; else each value. */
function valuesOf(batch: Batch<unknown>, start: number, end: number): ArrayLike<unknown> {
  const values = batch.slice(start, end) as ArrayLike<unknown>;
  if (batch.length < end || values.length !== end - start)
    throw new Error(`a column ends at row ${start + values.length} of its batch`);
  return values;
}

async function readWhole(file: string): Promise<Uint8Array> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; ) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(size - at, 1 << 30), at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}
