/** The `index.json` of a folder of MDS shards (MosaicML Streaming, version 2). */
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { staysInside } from "../hub/open-weights.ts";
import { mdsEncoding } from "./mds-encoding.ts";
import { pythonJson } from "./python-json.ts";

export const MDS_INDEX = "index.json";

/** A file of a shard. */
export interface MdsFile {
  /** Its path from the folder of the index. */
  readonly basename: string;
  readonly bytes: number;
  /** Hexadecimal digests by algorithm. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** One shard, as the index describes it. */
export interface MdsShard {
  readonly columnNames: readonly string[];
  /** In the order of the names. */
  readonly columnEncodings: readonly string[];
  /** Bytes of each value of a column; null where they vary. */
  readonly columnSizes: readonly (number | null)[];
  /** "zstd", "zstd:7", "gz:9" …; null for a shard that lies open. */
  readonly compression: string | null;
  /** The algorithms of the files' hashes. */
  readonly hashes: readonly string[];
  /** The shard itself; its `bytes` are known also where only the compressed file is there. */
  readonly rawData: MdsFile;
  readonly zipData: MdsFile | null;
  readonly samples: number;
  /** Bytes at which a new shard was begun. */
  readonly sizeLimit: number | null;
}

/** Far above real ones: half a kilobyte for each shard of 64 MB. */
const LARGEST_INDEX = 2 ** 29;

/**
 * Reads and checks the `index.json` of a folder of MDS shards. The shards themselves are not looked at.
 *
 * @throws EngineError naming the file and the field
 */
export async function readMdsIndex(folder: string): Promise<readonly MdsShard[]> {
  const file = join(folder, MDS_INDEX);
  const fail = (what: string, cause?: unknown): never => {
    throw new EngineError("readMdsIndex", `${file}: ${what}`, "Copy the folder again, or write it anew.", { cause });
  };
  let json: unknown;
  try {
    const { size } = await stat(file);
    if (size > LARGEST_INDEX) fail(`${size} bytes are too many for an index, ${LARGEST_INDEX} is the most`);
    json = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if (error instanceof EngineError) throw error;
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      const wayOut = "Pass the folder with the index; a folder without one was not written to the end.";
      throw new EngineError("readMdsIndex", `${folder} has no ${MDS_INDEX}`, wayOut, { cause: error });
    }
    return fail(error instanceof SyntaxError ? `this is not JSON: ${error.message}` : (error as Error).message, error);
  }
  if (!isObject(json)) return fail("this is not a JSON object");
  if (json.version !== 2) fail(`version is ${excerpt(json.version)}, but 2 is the one that is known`);
  if (!Array.isArray(json.shards)) return fail("there is no list of shards");
  const shards = json.shards.map((each, i) => readShard(each, (what) => fail(`shard ${i}: ${what}`)));
  const first = shards[0]?.columnNames.join("\0");
  for (const { columnNames, rawData } of shards) {
    if (columnNames.join("\0") !== first) {
      const [here, there] = [columnNames, shards[0]!.columnNames].map((names) => names.join(", "));
      fail(`${rawData.basename} has columns ${here}, but the first shard has ${there}`);
    }
  }
  return shards;
}

type Fail = (what: string) => never;

function readShard(entry: unknown, fail: Fail): MdsShard {
  if (!isObject(entry)) return fail("this is not an object");
  const { column_names: names, column_encodings: encodings, column_sizes: sizes, compression, hashes } = entry;
  if (entry.format !== "mds") fail(`format is ${excerpt(entry.format)}, but "mds" is the one that is read`);
  if (entry.version !== 2) fail(`version is ${excerpt(entry.version)}, but 2 is the one that is known`);
  if (!isTexts(names) || names.length === 0) return fail(`column_names is ${excerpt(names)}, not a list of names`);
  if (new Set(names).size !== names.length) fail(`column_names has a name twice: ${names.join(", ")}`);
  if (!isTexts(encodings) || encodings.length !== names.length) {
    return fail(`column_encodings is ${excerpt(encodings)}, not ${names.length} names`);
  }
  const fits = (size: unknown) => size === null || isCount(size);
  if (!Array.isArray(sizes) || sizes.length !== names.length || !sizes.every(fits)) {
    return fail(`column_sizes is ${excerpt(sizes)}, not ${names.length} sizes or nulls`);
  }
  for (const [i, encoding] of encodings.entries()) {
    const size = knownSize(encoding);
    if (size !== undefined && size !== sizes[i]) {
      fail(`column ${names[i]} of ${encoding} has size ${sizes[i]}, but ${size} is its size`);
    }
  }
  if (compression !== null && typeof compression !== "string") fail(`compression is ${excerpt(compression)}`);
  if (!isTexts(hashes)) return fail(`hashes is ${excerpt(hashes)}, not a list of algorithms`);
  const { samples, size_limit: sizeLimit = null } = entry;
  if (!isCount(samples)) return fail(`samples is ${excerpt(samples)}, not a whole number`);
  if (sizeLimit !== null && !isCount(sizeLimit)) return fail(`size_limit is ${excerpt(sizeLimit)}`);
  const zipData = entry.zip_data == null ? null : readFileEntry("zip_data", entry.zip_data, fail);
  return {
    columnNames: names,
    columnEncodings: encodings,
    columnSizes: sizes,
    compression: compression as string | null,
    hashes,
    rawData: readFileEntry("raw_data", entry.raw_data, fail),
    zipData,
    samples,
    sizeLimit,
  };
}

/** The size that an encoding fixes; undefined for one that is not known, which is an error only when it is read. */
function knownSize(encoding: string): number | null | undefined {
  try {
    return mdsEncoding(encoding).size;
  } catch {
    return undefined;
  }
}

function readFileEntry(field: string, entry: unknown, fail: Fail): MdsFile {
  if (!isObject(entry)) return fail(`${field} is ${excerpt(entry)}, not an object`);
  const { basename, bytes, hashes = {} } = entry;
  if (typeof basename !== "string" || !staysInside(basename)) {
    return fail(`${field} has basename ${excerpt(basename)}, which is not a path inside the folder`);
  }
  if (!isCount(bytes)) return fail(`${field} has ${excerpt(bytes)} bytes`);
  if (!isObject(hashes) || !isTexts(Object.values(hashes))) return fail(`${field} has hashes ${excerpt(hashes)}`);
  return { basename, bytes, hashes: hashes as Record<string, string> };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((each) => typeof each === "string");
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const excerpt = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
};

/** The text of an index, keys sorted as the reference's writer sorts them. */
export const mdsIndexText = (shards: readonly MdsShard[]): string =>
  pythonJson({ version: 2, shards: shards.map(shardEntry) });

/** What stands between the offsets and the samples of a shard. Readers take it from the index instead. */
export function shardConfigText(shard: Omit<MdsShard, "rawData" | "zipData" | "samples">): string {
  return pythonJson(configEntry(shard));
}

function configEntry(shard: Omit<MdsShard, "rawData" | "zipData" | "samples">): Record<string, unknown> {
  return {
    column_encodings: shard.columnEncodings,
    column_names: shard.columnNames,
    column_sizes: shard.columnSizes,
    compression: shard.compression,
    format: "mds",
    hashes: shard.hashes,
    size_limit: shard.sizeLimit,
    version: 2,
  };
}

function shardEntry(shard: MdsShard): Record<string, unknown> {
  return { ...configEntry(shard), raw_data: shard.rawData, samples: shard.samples, zip_data: shard.zipData };
}
