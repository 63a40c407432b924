/** Steps that are not yet in a file: for each sequence step, length and ids, 32 bits each. */
import { type FileHandle, open, readFile, truncate } from "node:fs/promises";

/** A sequence of a step. */
export interface OrderRow {
  readonly step: number;
  readonly ids: Int32Array;
}

/** The sequences of a journal; what a write that was cut off left at its end is not one. */
export async function readJournal(path: string): Promise<OrderRow[]> {
  const bytes = await readFile(path);
  const numbers = new Int32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + (bytes.length & ~3)));
  const rows: OrderRow[] = [];
  for (let at = 0; at + 2 <= numbers.length; ) {
    const [step, length] = [numbers[at]!, numbers[at + 1]!];
    const end = at + 2 + length;
    if (length < 0 || end > numbers.length) break;
    rows.push({ step, ids: numbers.subarray(at + 2, end) });
    at = end;
  }
  return rows;
}

/** Appends sequences and waits until they are on the disk. */
export async function appendJournal(file: FileHandle, rows: readonly OrderRow[]): Promise<void> {
  const numbers = new Int32Array(rows.reduce((sum, { ids }) => sum + 2 + ids.length, 0));
  let at = 0;
  for (const { step, ids } of rows) {
    numbers.set([step, ids.length], at);
    numbers.set(ids, at + 2);
    at += 2 + ids.length;
  }
  const bytes = Buffer.from(numbers.buffer);
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
  await file.datasync();
}

/** Opens a journal behind its first sequences. */
export async function openJournal(path: string, keep: readonly OrderRow[]): Promise<FileHandle> {
  const file = await open(path, "a");
  await truncate(path, 4 * keep.reduce((sum, { ids }) => sum + 2 + ids.length, 0));
  return file;
}
