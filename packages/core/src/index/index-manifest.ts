import { EngineError } from "../errors.ts";
import type { VectorRanges, VectorStorage } from "./row-codec.ts";
import type { VectorMetric } from "./vector-index.ts";

/** The file that names an index's other files; it is replaced last. */
export const MANIFEST = "index.json";

export const FORMAT = "ettin-index";
export const VERSION = 1;

/** Bytes that one checksum covers. */
export const CHECKED_BYTES: number = 1 << 23;

/** What each file has. */
export type FileRole = "vectors" | "codes" | "graph" | "items";

export interface SavedFile {
  readonly name: string;
  readonly bytes: number;
  /** CRC-32 of every 8 MiB. */
  readonly crc32: readonly number[];
}

export interface ExactSettings {
  readonly storage: VectorStorage;
  readonly keepVectors: boolean;
  readonly ranges: VectorRanges | null;
  /** Numbers in a float32 row: the dimension, and one more for "euclidean". */
  readonly width: number;
}

export interface HnswSettings {
  readonly m: number;
  readonly efConstruction: number;
  readonly ef: number;
  /** Items and free places. */
  readonly places: number;
}

/** What an index is. */
export interface IndexAbout {
  readonly kind: "exact" | "hnsw";
  readonly dim: number;
  readonly metric: VectorMetric;
  readonly model: string | null;
  readonly exact?: ExactSettings;
  readonly hnsw?: HnswSettings;
}

export interface Manifest extends IndexAbout {
  readonly count: number;
  readonly files: Readonly<Partial<Record<FileRole, SavedFile>>>;
}

/** Reads and checks the text of a manifest. */
export function parseManifest(where: string, path: string, text: string): Manifest {
  const refuse = (what: string, wayOut = "Build and save the index again."): never => {
    throw new EngineError(where, `${path} ${what}`, wayOut);
  };
  let value: Record<string, unknown> = {};
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    refuse(`is not JSON: ${(error as Error).message}`);
  }
  if (value?.format !== FORMAT) refuse(`is no index of Ettin`, "Name the folder that index.save wrote.");
  if (value.version !== VERSION) {
    refuse(`has version ${value.version}, but this program reads ${VERSION}`, "Update @ettin/core.");
  }
  const { kind, dim, metric, model, count } = value;
  if (kind !== "exact" && kind !== "hnsw") refuse(`has kind ${JSON.stringify(kind)}`);
  if (!isCount(dim) || dim < 1 || dim > 1 << 20) refuse(`has dim ${JSON.stringify(dim)}`);
  if (metric !== "cosine" && metric !== "dot" && metric !== "euclidean") refuse(`has metric ${JSON.stringify(metric)}`);
  if (model !== null && typeof model !== "string") refuse(`has model ${JSON.stringify(model)}`);
  if (!isCount(count) || count > 2 ** 31) refuse(`has count ${JSON.stringify(count)}`);
  const manifest = value as unknown as Manifest;
  const problem =
    filesProblem(value.files) ?? (kind === "exact" ? exactProblem(value.exact, manifest) : hnswProblem(value.hnsw));
  if (problem) refuse(problem);
  for (const role of rolesOf(manifest)) if (!manifest.files[role]) refuse(`names no file of ${role}`);
  return manifest;
}

/** The files that such an index has. */
export function rolesOf({ kind, exact, count, hnsw }: Manifest): FileRole[] {
  if (kind === "hnsw") return hnsw!.places > 0 ? ["graph", "items"] : ["items"];
  const coded = isCoded(exact!);
  const floats = !coded || exact!.keepVectors;
  return [...(floats ? ["vectors" as const] : []), ...(coded ? ["codes" as const] : []), "items" as const].filter(
    (role) => count > 0 || role === "items",
  );
}

/** Whether rows are stored in fewer bits. */
export const isCoded = ({ storage, ranges }: ExactSettings): boolean =>
  storage !== "float32" && (storage !== "int8" || ranges !== null);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function filesProblem(files: unknown): string | null {
  if (typeof files !== "object" || files === null) return "names no files";
  for (const [role, file] of Object.entries(files as Record<string, SavedFile>)) {
    // Only names that save() gives: nothing outside the folder is opened.
    if (typeof file?.name !== "string" || !FILE_NAME.test(file.name)) {
      return `has the name ${JSON.stringify(file?.name)} for ${role}`;
    }
    const sums = Math.ceil(file.bytes / CHECKED_BYTES);
    if (!isCount(file.bytes) || !Array.isArray(file.crc32) || file.crc32.length !== sums) {
      return `has no size and checksums of ${file.name}`;
    }
  }
  return null;
}

/** role-process-time.ending: what `save` writes. */
export const FILE_NAME: RegExp = /^(?:vectors|codes|graph|items)-(\d+)-[0-9a-z]+\.(?:bin|jsonl)$/;

function exactProblem(exact: unknown, { dim, metric }: Manifest): string | null {
  const { storage, keepVectors, ranges, width } = (exact ?? {}) as Record<string, unknown>;
  if (!["float32", "bfloat16", "int8", "binary"].includes(storage as string) || typeof keepVectors !== "boolean") {
    return `has storage ${JSON.stringify(storage)}`;
  }
  if (width !== dim + (metric === "euclidean" ? 1 : 0)) return `has rows of ${JSON.stringify(width)} numbers`;
  if (storage === "binary" && dim % 8 !== 0) return `has binary vectors of ${dim} dimensions`;
  if (storage !== "float32" && metric === "euclidean") return `has metric euclidean over ${storage}`;
  if (ranges === null) return null;
  const { min, max } = (ranges ?? {}) as Partial<VectorRanges>;
  const isRange = (values: unknown) =>
    Array.isArray(values) && values.length === dim && values.every((each) => Number.isFinite(each));
  return isRange(min) && isRange(max) ? null : "has ranges that are not two lists of dim numbers";
}

function hnswProblem(hnsw: unknown): string | null {
  const { m, efConstruction, ef, places } = (hnsw ?? {}) as Record<string, unknown>;
  const good = [m, efConstruction, ef].every((value) => isCount(value) && value > 0) && isCount(places);
  return good ? null : `has settings of HNSW ${JSON.stringify(hnsw)}`;
}
