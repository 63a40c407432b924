import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { EngineError } from "../errors.ts";
import { partAt } from "./part-starts.ts";

/** Bytes of records, of which any can be read as text. */
export interface RecordBytes {
  /** The text of `length` bytes of UTF-8 from `start` on. */
  text(start: number, length: number): string;
}

/** Read ahead when records are read in order. */
const WINDOW = 1 << 18;
/** Between records that count as neighbours: line ends, commas. */
const GAP = 1 << 10;
/** Open files at a time, over all datasets; others are opened again when they are read. */
const MOST_OPEN = 64;

/** Files that are open, the last used one last. */
const open = new Map<FileBytes, number>();

/** A file, read on demand. */
export class FileBytes implements RecordBytes {
  readonly #path: string;
  readonly #size: number;
  readonly #modified: number;
  #window: Buffer = Buffer.alloc(0);
  #start = 0;
  #filled = 0;
  /** Where the last record ended. */
  #last = -1;

  /**
   * @param size of the file when its records were found
   * @param modified its time of change then, in milliseconds
   */
  constructor(path: string, size: number, modified: number) {
    this.#path = path;
    this.#size = size;
    this.#modified = modified;
  }

  text(start: number, length: number): string {
    const end = start + length;
    if (start < this.#start || end > this.#start + this.#filled) {
      // the next record: more will follow; another one: only itself
      const ahead = this.#last >= 0 && start >= this.#last && start - this.#last <= GAP;
      this.#fill(start, ahead ? Math.min(Math.max(length, WINDOW), this.#size - start) : length, length);
    }
    this.#last = end;
    return this.#window.toString("utf8", start - this.#start, end - this.#start);
  }

  #fill(start: number, wanted: number, needed: number): void {
    if (this.#window.length < wanted) this.#window = Buffer.allocUnsafeSlow(Math.max(wanted, 1 << 12));
    this.#start = start;
    this.#filled = 0;
    const file = this.#open();
    while (this.#filled < wanted) {
      const read = readSync(file, this.#window, this.#filled, wanted - this.#filled, start + this.#filled);
      if (read === 0) break;
      this.#filled += read;
    }
    if (this.#filled < needed) throw this.#changed();
  }

  #open(): number {
    let file = open.get(this);
    if (file === undefined) {
      for (const [oldest, descriptor] of open) {
        if (open.size < MOST_OPEN) break;
        open.delete(oldest);
        oldest.#forget();
        closeSync(descriptor);
      }
      file = openSync(this.#path, "r");
      const { size, mtimeMs } = fstatSync(file);
      if (size !== this.#size || mtimeMs !== this.#modified) {
        closeSync(file);
        throw this.#changed();
      }
    } else open.delete(this);
    open.set(this, file);
    return file;
  }

  #forget(): void {
    this.#window = Buffer.alloc(0);
    this.#filled = 0;
    this.#last = -1;
  }

  #changed(): EngineError {
    return new EngineError(
      "Dataset",
      `${this.#path} has changed since it was loaded`,
      "Load it again, and leave it as it is while it is in use.",
    );
  }
}

const CHUNK = 1 << 24;

/** Records that were unpacked, in memory off the JavaScript heap. */
export class MemoryBytes implements RecordBytes {
  readonly #chunks: Buffer[] = [];
  readonly #starts: number[] = [0];
  #lookup: Float64Array | null = null;
  #used = 0;

  /** Copies a record. @returns its place */
  add(bytes: Uint8Array): number {
    const last = this.#chunks[this.#chunks.length - 1];
    if (!last || this.#used + bytes.length > last.length) {
      if (last) this.#starts.push(this.#starts[this.#starts.length - 1]! + last.length);
      this.#chunks.push(Buffer.allocUnsafeSlow(Math.max(CHUNK, bytes.length)));
      this.#used = 0;
      this.#lookup = null;
    }
    this.#chunks[this.#chunks.length - 1]!.set(bytes, this.#used);
    const start = this.#starts[this.#starts.length - 1]! + this.#used;
    this.#used += bytes.length;
    return start;
  }

  text(start: number, length: number): string {
    this.#lookup ??= Float64Array.from([...this.#starts, Number.POSITIVE_INFINITY]);
    const chunk = partAt(this.#lookup, start);
    const local = start - this.#starts[chunk]!;
    return this.#chunks[chunk]!.toString("utf8", local, local + length);
  }
}
