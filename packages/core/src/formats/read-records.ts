import { isUtf8 } from "node:buffer";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Features, type FeatureType, joinTypes, typeOfValue } from "../data/feature-type.ts";
import { digestOf, newHash } from "../data/fingerprint.ts";
import { FileBytes, MemoryBytes } from "../data/record-bytes.ts";
import { RecordTable } from "../data/record-table.ts";
import type { Row } from "../data/table.ts";
import { EngineError } from "../errors.ts";
import type { BadRows } from "./bad-rows.ts";
import { byteStream, compressionOf } from "./byte-stream.ts";
import type { RecordScanner } from "./record-scanner.ts";

/** A text format whose records can be read one by one. */
export interface RecordFormat {
  readonly scanner: RecordScanner;
  /** @throws Error that says what is wrong with the record */
  readonly decode: (text: string) => Row;
  /** The columns, where every record has the same. @default what the records have */
  readonly features?: Features;
}

/**
 * Reads a file through once: finds its records, checks each, learns the columns and hashes it. A plain file then stays
 * where it is and is read on demand; a packed one is kept in memory, unpacked.
 */
export async function readRecords(
  where: string,
  file: string,
  { scanner, decode, features }: RecordFormat,
  bad: BadRows,
  signal?: AbortSignal,
): Promise<RecordTable> {
  const name = basename(file);
  const { size, mtimeMs } = await stat(file);
  const memory = compressionOf(file) === null ? null : new MemoryBytes();
  const places = new Places();
  const types = new Map<string, FeatureType>();
  const hash = newHash();

  const accept = (bytes: Buffer, base: number, clean: boolean, start: number, end: number, line: number): void => {
    let row: Row;
    try {
      if (!clean && !isUtf8(bytes.subarray(start, end))) throw new Error("is not text in UTF-8");
      row = decode(bytes.toString("utf8", start, end));
    } catch (error) {
      bad.add(where, `${name}, line ${line} ${(error as Error).message}`, error);
      return;
    }
    if (!features) {
      for (const key in row) {
        const known = types.get(key);
        const type = typeOfValue(row[key]);
        if (known !== type) types.set(key, known === undefined ? type : joinTypes(known, type));
      }
    }
    places.add(memory ? memory.add(bytes.subarray(start, end)) : base + start, end - start, line);
  };

  const held = new Held();
  const search = (final: boolean): void => {
    const { bytes, base } = held;
    const records: number[] = [];
    let done: number;
    try {
      done = scanner.scan(bytes, final, (start, end, line) => records.push(start, end, line));
    } catch (error) {
      throw new EngineError(where, `${name}: ${(error as Error).message}`, "Download or write the file again.", {
        cause: error,
      });
    }
    const clean = isUtf8(bytes.subarray(0, done));
    for (let i = 0; i < records.length; i += 3) {
      accept(bytes, base, clean, records[i]!, records[i + 1]!, records[i + 2]!);
    }
    held.drop(done);
  };
  for await (const chunk of byteStream(where, file, signal)) {
    hash.update(chunk);
    if (held.add(chunk)) search(false);
  }
  held.join();
  search(true);

  return new RecordTable({
    name,
    bytes: memory ?? new FileBytes(file, size, mtimeMs),
    places: places.finish(),
    features: features ?? Object.fromEntries(types),
    fingerprint: digestOf(hash),
    decode,
  });
}

/** Bytes that have arrived and are not done with. */
class Held {
  bytes: Buffer = Buffer.alloc(0);
  /** The place of their first in the file. */
  base = 0;
  readonly #more: Buffer[] = [];
  #waiting = 0;
  #first = true;

  /** @returns whether there is enough new to be searched: of a long record, as much as there was, so that the work stays linear */
  add(chunk: Buffer): boolean {
    this.#more.push(chunk);
    this.#waiting += chunk.length;
    if (this.#waiting < this.bytes.length) return false;
    this.join();
    return true;
  }

  join(): void {
    this.bytes =
      this.bytes.length === 0 && this.#more.length === 1 ? this.#more[0]! : Buffer.concat([this.bytes, ...this.#more]);
    this.#more.length = 0;
    this.#waiting = 0;
    if (this.#first && this.bytes.length >= 3) {
      this.#first = false;
      if (this.bytes[0] === 0xef && this.bytes[1] === 0xbb && this.bytes[2] === 0xbf) this.drop(3); // a byte order mark
    }
  }

  drop(count: number): void {
    this.bytes = this.bytes.subarray(count);
    this.base += count;
  }
}

/** Grows by doubling. */
class Places {
  #starts = new Float64Array(1024);
  #lengths = new Uint32Array(1024);
  #lines = new Float64Array(1024);
  #count = 0;
  #plain = true;

  add(start: number, length: number, line: number): void {
    if (this.#count === this.#starts.length) this.#resize(2 * this.#count);
    this.#starts[this.#count] = start;
    this.#lengths[this.#count] = length;
    this.#lines[this.#count] = line;
    if (line !== ++this.#count) this.#plain = false;
  }

  finish(): { starts: Float64Array; lengths: Uint32Array; lines: Float64Array | null } {
    this.#resize(this.#count);
    return { starts: this.#starts, lengths: this.#lengths, lines: this.#plain ? null : this.#lines };
  }

  #resize(size: number): void {
    const grown = <T extends Float64Array | Uint32Array>(old: T, next: T): T => {
      next.set(old.subarray(0, Math.min(size, old.length)));
      return next;
    };
    this.#starts = grown(this.#starts, new Float64Array(size));
    this.#lengths = grown(this.#lengths, new Uint32Array(size));
    this.#lines = grown(this.#lines, new Float64Array(size));
  }
}
