import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { parseByteSize } from "../hub/byte-size.ts";
import { writeFileWhole, writeFlushed } from "./flushed-file.ts";
import { compress, readCompression } from "./mds-compression.ts";
import { type MdsEncoding, mdsEncoding } from "./mds-encoding.ts";
import { canHash, hashesOf } from "./mds-hash.ts";
import { MDS_INDEX, type MdsFile, type MdsShard, mdsIndexText, shardConfigText } from "./mds-index.ts";
import { compareCodePoints } from "./python-json.ts";

export interface MdsWriterOptions {
  /**
   * Encodings by column: `str`, `bytes`, `int`, `int8` … `uint64`, `float16` … `float64`, `str_int`, `str_float`,
   * `str_decimal`, `json`, `ndarray`, `ndarray:uint32`, `ndarray:float32:2,3`.
   */
  columns: Readonly<Record<string, string>>;
  /**
   * How shards are compressed: "zstd", "zstd:7", "gz", "br:5". zstd needs Node 22.15 or later. Training reads shards that
   * lie open.
   *
   * @default null, not at all
   */
  compression?: string | null;
  /**
   * Algorithms that hash each file into the index, by which a reader finds a damaged one: sha1, sha256, md5 …
   *
   * @default none
   */
  hashes?: readonly string[];
  /**
   * Bytes at which a shard is full: a number or "64MiB", below 4 GiB; null for one shard of any size.
   *
   * @default 2 ** 26
   */
  sizeLimit?: number | string | null;
}

const WHERE = "MdsWriter";
const SHARD = /^shard\.\d{5,}\.mds(\.\w+)?$/;

/** Offsets are 32 bits wide. */
const LARGEST_SHARD = 2 ** 32 - 1;

/**
 * Writes a folder of MDS shards (MosaicML Streaming, version 2). Its index is written last: a folder without one is not
 * complete, and its shards are removed when it is written again.
 *
 *     const writer = new MdsWriter(folder, { columns: { id: "str", input_ids: "ndarray:uint32" } });
 *     for (const row of rows) await writer.write(row);
 *     await writer.finish();
 */
export class MdsWriter {
  readonly folder: string;
  readonly #names: readonly string[];
  readonly #encodings: readonly MdsEncoding[];
  readonly #varying: number;
  readonly #config: Omit<MdsShard, "rawData" | "zipData" | "samples">;
  readonly #configText: Buffer;
  readonly #limit: number;
  readonly #shards: MdsShard[] = [];
  #records: Buffer = Buffer.allocUnsafe(2 ** 16);
  #filled = 0;
  /** Where each sample of the shard ends in `#records`. */
  #ends: number[] = [];
  #rows = 0;
  #finished = false;

  /** @throws EngineError for options that cannot be, and where the folder holds a complete dataset */
  constructor(folder: string, { columns, compression = null, hashes = [], sizeLimit = 2 ** 26 }: MdsWriterOptions) {
    this.folder = folder;
    this.#names = Object.keys(columns).sort(compareCodePoints);
    if (this.#names.length === 0) throw optionError("columns are empty", 'Name at least one: { text: "str" }.');
    this.#encodings = this.#names.map((name) => readEncoding(name, columns[name]!));
    this.#varying = this.#encodings.filter(({ size }) => size === null).length;
    if (compression !== null) checkCompression(compression);
    for (const name of hashes) {
      if (!canHash(name)) throw optionError(`hashes name ${JSON.stringify(name)}`, "Use sha1, sha256 or md5.");
    }
    const limit = sizeLimit === null ? null : parseByteSize(WHERE, "sizeLimit", sizeLimit);
    if (limit !== null && limit > LARGEST_SHARD) throw optionError(`sizeLimit is ${limit}`, "Stay below 4 GiB.");
    this.#limit = limit ?? Number.POSITIVE_INFINITY;
    this.#config = {
      columnNames: this.#names,
      columnEncodings: this.#names.map((name) => columns[name]!),
      columnSizes: this.#encodings.map(({ size }) => size),
      compression,
      hashes: [...hashes].sort(),
      sizeLimit: limit,
    };
    this.#configText = Buffer.from(shardConfigText(this.#config));
    prepareFolder(folder);
  }

  /** Rows that were written. */
  get length(): number {
    return this.#rows;
  }

  /**
   * Adds a row.
   *
   * @param row a value for each column; a value that is bytes already is stored as it is, except in ndarray columns
   * @throws EngineError naming the row and the column
   */
  async write(row: Readonly<Record<string, unknown>>): Promise<void> {
    if (this.#finished) throw new EngineError(WHERE, "write() after finish()", "Make another writer.");
    const values = this.#encode(row);
    const bytes = values.reduce((sum, value) => sum + value.length, 4 * this.#varying);
    if (this.#ends.length > 0 && this.#shardSize() + bytes + 4 > this.#limit) await this.#flush();
    if (this.#headSize(this.#ends.length + 1) + this.#filled + bytes > LARGEST_SHARD) {
      throw this.#rowError(`takes the shard past ${LARGEST_SHARD} bytes`, "Set a sizeLimit, or split the value.");
    }
    this.#append(values, bytes);
    this.#rows++;
  }

  /**
   * Writes the last shard, then the index.
   *
   * @returns what the index says of the shards
   */
  async finish(): Promise<readonly MdsShard[]> {
    if (!this.#finished) {
      if (this.#ends.length > 0) await this.#flush();
      this.#finished = true;
      await writeFileWhole(join(this.folder, MDS_INDEX), Buffer.from(mdsIndexText(this.#shards)));
    }
    return this.#shards;
  }

  #encode(row: Readonly<Record<string, unknown>>): Uint8Array[] {
    for (const name in row) {
      if (!this.#names.includes(name)) {
        throw this.#rowError(
          `has ${JSON.stringify(name)}, which is no column`,
          `Columns are ${this.#names.join(", ")}.`,
        );
      }
    }
    return this.#names.map((name, i) => {
      const value = row[name];
      if (value === undefined) {
        throw this.#rowError(`has no ${JSON.stringify(name)}`, `Give all of ${this.#names.join(", ")}.`);
      }
      let bytes: Uint8Array;
      try {
        bytes = this.#encodings[i]!.encode(value);
      } catch (error) {
        const what = `: column ${JSON.stringify(name)} of ${this.#config.columnEncodings[i]} ${(error as Error).message}`;
        throw this.#rowError(what, "Give it as its encoding says, or change the encoding.");
      }
      const size = this.#encodings[i]!.size;
      if (size !== null && bytes.length !== size) {
        throw this.#rowError(
          `: column ${JSON.stringify(name)} has ${bytes.length} bytes of ${size}`,
          "Pass all of it.",
        );
      }
      return bytes;
    });
  }

  #append(values: readonly Uint8Array[], bytes: number): void {
    if (this.#filled + bytes > this.#records.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#records.length, this.#filled + bytes));
      this.#records.copy(larger, 0, 0, this.#filled);
      this.#records = larger;
    }
    for (const [i, value] of values.entries()) {
      if (this.#encodings[i]!.size === null) this.#filled = this.#records.writeUInt32LE(value.length, this.#filled);
    }
    for (const value of values) {
      this.#records.set(value, this.#filled);
      this.#filled += value.length;
    }
    this.#ends.push(this.#filled);
  }

  #headSize(samples: number): number {
    return 4 + 4 * (samples + 1) + this.#configText.length;
  }

  #shardSize(): number {
    return this.#headSize(this.#ends.length) + this.#filled;
  }

  async #flush(): Promise<void> {
    const samples = this.#ends.length;
    const start = this.#headSize(samples);
    const head = Buffer.allocUnsafe(start);
    head.writeUInt32LE(samples, 0);
    head.writeUInt32LE(start, 4);
    for (const [i, end] of this.#ends.entries()) head.writeUInt32LE(start + end, 8 + 4 * i);
    this.#configText.copy(head, start - this.#configText.length);
    const parts = [head, this.#records.subarray(0, this.#filled)];
    const basename = `shard.${String(this.#shards.length).padStart(5, "0")}.mds`;
    const { compression, hashes } = this.#config;
    const bytes = start + this.#filled;
    if (compression === null) {
      await writeFlushed(join(this.folder, basename), parts);
      const rawData = fileEntry(basename, bytes, parts, hashes);
      this.#shards.push({ ...this.#config, rawData, zipData: null, samples });
    } else {
      const whole = Buffer.concat(parts);
      const packed = compress(whole, compression);
      const zipName = `${basename}.${readCompression(compression).algorithm}`;
      await writeFlushed(join(this.folder, zipName), [packed]);
      const rawData = fileEntry(basename, bytes, [whole], hashes);
      const zipData = fileEntry(zipName, packed.length, [packed], hashes);
      this.#shards.push({ ...this.#config, rawData, zipData, samples });
    }
    this.#ends = [];
    this.#filled = 0;
  }

  #rowError(what: string, wayOut: string): EngineError {
    return new EngineError(WHERE, `row ${this.#rows}${what.startsWith(":") ? "" : " "}${what}`, wayOut);
  }
}

const optionError = (what: string, wayOut: string): EngineError => new EngineError(WHERE, what, wayOut);

function readEncoding(name: string, encoding: string): MdsEncoding {
  try {
    return mdsEncoding(encoding);
  } catch (error) {
    throw optionError(
      `the encoding of column ${JSON.stringify(name)} ${(error as Error).message}`,
      "Choose one of them.",
    );
  }
}

function checkCompression(compression: string): void {
  try {
    readCompression(compression);
  } catch (error) {
    throw optionError(`compression ${(error as Error).message}`, 'Use "gz" or "br", or none, which training needs.');
  }
}

const fileEntry = (
  basename: string,
  bytes: number,
  pieces: readonly Uint8Array[],
  algorithms: readonly string[],
): MdsFile => ({ basename, bytes, hashes: hashesOf(pieces, algorithms) });

function prepareFolder(folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (existsSync(join(folder, MDS_INDEX))) {
    throw new EngineError(WHERE, `${folder} has a complete dataset already`, "Remove it first, or write elsewhere.");
  }
  for (const name of readdirSync(folder)) {
    if (SHARD.test(name)) rmSync(join(folder, name)); // of a run that did not finish
  }
}
