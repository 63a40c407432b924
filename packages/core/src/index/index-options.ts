import { EngineError } from "../errors.ts";
import type { VectorRanges, VectorStorage } from "./row-codec.ts";
import type { VectorMetric } from "./vector-index.ts";

/** Up to here exact search is fast enough: 100,000 vectors of 768 take about 30 ms. */
export const MOST_EXACT = 100_000;

export interface IndexOptions {
  /** Numbers in a vector. */
  dim: number;
  /**
   * What "near" means. Of cosine the vectors are kept at length 1.
   *
   * @default "cosine"
   */
  metric?: VectorMetric;
  /**
   * "exact" looks at every vector; "hnsw" follows a graph of neighbours, which finds almost all of the nearest in a
   * fraction of the time, and takes minutes to build. "auto": exact, or hnsw where `expected` is above 100,000.
   *
   * @default "auto"
   */
  kind?: "auto" | "exact" | "hnsw";
  /** How many vectors there will be. For "auto", and so that HNSW makes room once. @default unknown */
  expected?: number;
  /** Fingerprint of the model that makes the vectors: `openIndex` refuses the index to another. @default null */
  model?: string | null;
  /**
   * Exact: how vectors are stored. "bfloat16", "int8" and "binary" take 1/2, 1/4 and 1/32 of the memory that a search
   * reads. "binary" needs a dimension that is a multiple of 8; "euclidean" needs float32.
   *
   * @default "float32"
   */
  storage?: VectorStorage;
  /**
   * Exact, stored in fewer bits: keep the float vectors too, to score the best candidates again. An index that was
   * opened leaves them in the file, where they cost no memory.
   *
   * @default true
   */
  keepVectors?: boolean;
  /** Exact, int8: the numbers to tell apart per dimension. @default taken from the vectors, once there are 1,000 */
  ranges?: VectorRanges;
  /** HNSW: neighbours of a vector in the graph; twice as many at its base. @default 16 */
  m?: number;
  /** HNSW: candidates that are kept to choose a new vector's neighbours from. @default 200 */
  efConstruction?: number;
  /** HNSW: candidates that a search keeps, where it does not say itself. @default 128 */
  ef?: number;
  /** HNSW: of the graph's random levels. @default 100 */
  seed?: number;
}

/** What the options come to. */
export interface IndexSettings extends Required<Omit<IndexOptions, "kind" | "ranges" | "expected">> {
  readonly kind: "exact" | "hnsw";
  readonly ranges: VectorRanges | null;
  readonly expected: number;
}

export function indexSettings(where: string, options: IndexOptions): IndexSettings {
  const { dim, metric = "cosine", kind = "auto", expected = 0, storage = "float32", ranges = null } = options;
  const refuse = (what: string, wayOut: string): never => {
    throw new EngineError(where, what, wayOut);
  };
  const whole = (name: string, value: number, least: number, most: number): number => {
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    return refuse(`${name} is ${value}`, `Use a whole number from ${least} to ${most}.`);
  };
  whole("dim", dim, 1, 1 << 20);
  whole("expected", expected, 0, 2 ** 31 - 1);
  oneOf("metric", metric, ["cosine", "dot", "euclidean"]);
  oneOf("kind", kind, ["auto", "exact", "hnsw"]);
  oneOf("storage", storage, ["float32", "bfloat16", "int8", "binary"]);
  function oneOf(name: string, value: string, known: readonly string[]): void {
    if (!known.includes(value)) refuse(`${name} is ${JSON.stringify(value)}`, `Use ${known.join(", ")}.`);
  }
  const chosen = kind === "auto" ? (expected > MOST_EXACT && storage === "float32" ? "hnsw" : "exact") : kind;
  if (storage === "binary" && dim % 8 !== 0) {
    refuse(`storage is "binary", but dim is ${dim}`, "Use a multiple of 8, or another storage.");
  }
  if (storage !== "float32" && metric === "euclidean") {
    refuse(`storage is "${storage}", but metric is "euclidean"`, `Use "float32", or "cosine" over such vectors.`);
  }
  if (storage !== "float32" && chosen === "hnsw") {
    refuse(`storage is "${storage}", but kind is "hnsw"`, `Use kind "exact": HNSW stores float32.`);
  }
  if (ranges && (ranges.min?.length !== dim || ranges.max?.length !== dim)) {
    refuse(
      `ranges have ${ranges.min?.length} and ${ranges.max?.length} numbers, but dim is ${dim}`,
      "Give dim of each.",
    );
  }
  return {
    dim,
    metric,
    kind: chosen,
    expected,
    storage,
    ranges: ranges && { min: Array.from(ranges.min), max: Array.from(ranges.max) },
    model: options.model ?? null,
    keepVectors: options.keepVectors ?? true,
    m: whole("m", options.m ?? 16, 2, 1000),
    efConstruction: whole("efConstruction", options.efConstruction ?? 200, 1, 100_000),
    ef: whole("ef", options.ef ?? 128, 1, 100_000),
    seed: whole("seed", options.seed ?? 100, 0, 2 ** 32 - 2),
  };
}
