import { stat } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { type MdsEncoding, mdsEncoding } from "./mds-encoding.ts";
import { fingerprintOf } from "./mds-fingerprint.ts";
import { canHash } from "./mds-hash.ts";
import { type MdsShard, readMdsIndex } from "./mds-index.ts";
import { OpenShards } from "./mds-open-shards.ts";
import type { OpenShard } from "./mds-shard.ts";

export interface MdsReaderOptions {
  /**
   * The columns to read; others cost nothing, and may have encodings that are not read.
   *
   * @default all of them
   */
  columns?: readonly string[];
  /**
   * Whether each shard is compared with its hashes in the index when its first row is read, which reads it whole, once:
   * true, and shards without hashes are an error; or false.
   *
   * @default those that the index has hashes of, by an algorithm that Node has
   */
  verifyHashes?: boolean;
  /**
   * Bytes of decompressed shards that are kept. Rows in random order over more compressed shards than fit are slow:
   * decompress those once.
   *
   * @default 2 ** 28
   */
  cacheBytes?: number;
}

type Row = Record<string, unknown>;

/** How a shard's columns are read. */
interface Column {
  readonly name: string;
  /** Null for one that is not asked for. */
  readonly encoding: MdsEncoding | null;
  readonly size: number | null;
}

/** Open files are closed when nobody holds their reader any more. */
const forgotten = new FinalizationRegistry<OpenShards>((shards) => shards.close());

/** Files whose sizes are looked up at a time. */
const AT_ONCE = 64;

/**
 * Opens a folder of MDS shards (MosaicML Streaming, version 2). Every shard must be there in its full size; the samples
 * are read when they are asked for.
 *
 * @throws EngineError naming the file, for an index or a shard that is damaged or missing, and for a column that is
 *   missing or has an encoding that is not read
 */
export async function openMds(folder: string, options: MdsReaderOptions = {}): Promise<MdsReader> {
  const shards = await readMdsIndex(folder);
  for (let i = 0; i < shards.length; i += AT_ONCE) {
    await Promise.all(shards.slice(i, i + AT_ONCE).map((shard) => checkPresent(folder, shard)));
  }
  return new MdsReader(folder, shards, options);
}

async function checkPresent(folder: string, { rawData, zipData }: MdsShard): Promise<void> {
  for (const file of zipData ? [rawData, zipData] : [rawData]) {
    const path = join(folder, file.basename);
    const found = await stat(path).catch(() => null);
    if (found?.size === file.bytes) return;
    if (!found && file !== zipData && zipData) continue;
    const what = found ? `it has ${found.size} bytes, but the index says ${file.bytes}` : "the file is missing";
    throw new EngineError("openMds", `${path}: ${what}`, "Copy the shard again, or write it anew.");
  }
}

/** Rows of MDS shards, read on demand: `openMds` makes it. */
export class MdsReader {
  readonly folder: string;
  /** Rows of all shards. */
  readonly length: number;
  /** The columns that are read, in the order of the files. */
  readonly columns: readonly string[];
  /** Encodings of the columns, as the first shard has them: "str", "ndarray:uint32" … */
  readonly encodings: Readonly<Record<string, string>>;
  readonly #shards: readonly MdsShard[];
  /** Where each shard's rows start, `[shards + 1]`. */
  readonly #starts: Float64Array;
  readonly #layouts: readonly (readonly Column[])[];
  readonly #open: OpenShards;
  #current = 0;
  #fingerprint: string | null = null;

  constructor(folder: string, shards: readonly MdsShard[], options: MdsReaderOptions = {}) {
    const [first] = shards;
    const names = first?.columnNames ?? [];
    for (const name of options.columns ?? []) {
      if (names.includes(name)) continue;
      throw new EngineError(
        "openMds",
        `${folder} has no column ${JSON.stringify(name)}`,
        `It has ${names.join(", ")}.`,
      );
    }
    this.folder = folder;
    this.columns = names.filter((name) => options.columns?.includes(name) ?? true);
    this.encodings = Object.fromEntries(this.columns.map((name) => [name, encodingOf(first!, name)]));
    this.#shards = shards;
    this.#starts = new Float64Array(shards.length + 1);
    for (const [i, { samples }] of shards.entries()) this.#starts[i + 1] = this.#starts[i]! + samples;
    this.length = this.#starts[shards.length]!;
    this.#layouts = layoutsOf(folder, shards, new Set(this.columns));
    this.#open = new OpenShards(folder, shards, options);
    forgotten.register(this, this.#open, this);
  }

  /**
   * A digest of the index: sizes, counts, encodings, hashes. Of a shard without hashes the file's beginning, with the
   * places of its samples, and its end are read for it, 64 KiB each. Independent of the folder.
   *
   * @throws EngineError for a shard that is missing
   */
  get fingerprint(): string {
    this.#fingerprint ??= fingerprintOf(this.folder, this.#shards);
    return this.#fingerprint;
  }

  /** The algorithms by which every shard can be compared; empty where one has none that Node has. */
  get hashes(): readonly string[] {
    const [first, ...others] = this.#shards.map(({ hashes }) => hashes);
    return (first ?? []).filter((name) => canHash(name) && others.every((each) => each.includes(name)));
  }

  /**
   * One row. Texts are strings; numbers are numbers, and bigints where a number would not be exact; arrays are typed
   * arrays of their own (64-bit integers that are exact as numbers: a `Float64Array`), of more dimensions arrays of rows.
   *
   * @param i from 0; a negative one counts from the end
   * @throws EngineError naming the shard and the sample if they are damaged
   */
  row(i: number): Row {
    const at = i < 0 ? this.length + i : i;
    if (!Number.isSafeInteger(at) || at < 0 || at >= this.length) {
      throw new EngineError("MdsReader", `row ${i} is not one of ${this.length}`, `Ask for 0 to ${this.length - 1}.`);
    }
    const shard = this.#shardOf(at);
    const sample = at - this.#starts[shard]!;
    const open = this.#open.get(shard);
    return decodeSample(open, sample, this.#layouts[shard]!);
  }

  rows(indices: ArrayLike<number>): Row[] {
    return Array.from(indices, (i) => this.row(i));
  }

  *[Symbol.iterator](): IterableIterator<Row> {
    for (let i = 0; i < this.length; i++) yield this.row(i);
  }

  /** Closes the files. A row that is asked for later opens them again. */
  close(): void {
    this.#open.close();
  }

  #shardOf(row: number): number {
    const starts = this.#starts;
    if (row >= starts[this.#current]! && row < starts[this.#current + 1]!) return this.#current;
    let [low, high] = [0, this.#shards.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= row) low = middle;
      else high = middle;
    }
    this.#current = low;
    return low;
  }
}

const encodingOf = ({ columnNames, columnEncodings }: MdsShard, name: string): string =>
  columnEncodings[columnNames.indexOf(name)]!;

/** The columns of each shard; shards of equal columns share them. */
function layoutsOf(folder: string, shards: readonly MdsShard[], wanted: ReadonlySet<string>): (readonly Column[])[] {
  const known = new Map<string, readonly Column[]>();
  return shards.map(({ columnNames, columnEncodings, columnSizes, rawData }) => {
    const key = columnEncodings.join("\0") + columnSizes.join();
    const layout =
      known.get(key) ??
      columnNames.map((name, i) => {
        const size = columnSizes[i]!;
        if (!wanted.has(name)) return { name, size, encoding: null };
        try {
          return { name, size, encoding: mdsEncoding(columnEncodings[i]!) };
        } catch (error) {
          throw new EngineError(
            "openMds",
            `${join(folder, rawData.basename)}: the encoding of column ${JSON.stringify(name)} ${(error as Error).message}`,
            "Leave the column out with `columns`, or write it in another encoding.",
          );
        }
      });
    known.set(key, layout);
    return layout;
  });
}

/** A sample: the size of each column that varies, then the values. */
function decodeSample(shard: OpenShard, sample: number, columns: readonly Column[]): Row {
  const bytes = shard.sample(sample);
  const varying = columns.reduce((count, { size }) => count + (size === null ? 1 : 0), 0);
  let sizeAt = 0;
  let at = 4 * varying;
  if (at > bytes.length) throw shard.damaged(sample, `${bytes.length} bytes are too few for its columns' sizes`);
  const row: Row = {};
  for (const { name, size, encoding } of columns) {
    let length = size;
    if (length === null) {
      length = bytes.readUInt32LE(sizeAt);
      sizeAt += 4;
    }
    const end = at + length;
    if (end > bytes.length) {
      throw shard.damaged(sample, `column ${JSON.stringify(name)} ends at byte ${end} of ${bytes.length}`);
    }
    if (encoding) {
      try {
        row[name] = encoding.decode(bytes.subarray(at, end));
      } catch (error) {
        throw shard.damaged(sample, `column ${JSON.stringify(name)} ${(error as Error).message}`);
      }
    }
    at = end;
  }
  if (at !== bytes.length) throw shard.damaged(sample, `${bytes.length - at} bytes belong to no column`);
  return row;
}
