import type { Pauses } from "./pauses.ts";
import { type RowCodec, rangesOf, rowCodec, type VectorRanges, type VectorStorage } from "./row-codec.ts";
import { type BestRows, VectorBlocks } from "./vector-blocks.ts";
import type { VectorMetric } from "./vector-index.ts";

/** Vectors from which ranges for int8 are taken, where none are given. */
export const CALIBRATION_ROWS = 1000;

const NUMBERS_AT_ONCE = 1 << 18;

/** How an exact index keeps its rows. */
export interface RowFormat {
  readonly dim: number;
  readonly metric: VectorMetric;
  readonly storage: VectorStorage;
  /** Whether float32 rows are kept beside those of fewer bits. */
  readonly keepVectors: boolean;
}

/**
 * The vectors of an exact index: float32 rows, and the same rows in fewer bits, either of which may be absent. Rows
 * only grow. Of int8 without ranges the first rows are float32 until there are enough to take ranges from.
 *
 * For "euclidean" a row x has one more number, −‖x‖²/2, and a query q a 1: their dot product ranks rows by distance.
 */
export class ExactRows {
  readonly format: RowFormat;
  readonly vectors: VectorBlocks | null;
  readonly codes: VectorBlocks | null;
  readonly ranges: VectorRanges | null;
  readonly codec: RowCodec | null;

  constructor(
    format: RowFormat,
    ranges: VectorRanges | null,
    vectors: VectorBlocks | null = null,
    codes: VectorBlocks | null = null,
  ) {
    const { storage, dim, keepVectors } = format;
    const coded = storage !== "float32" && (storage !== "int8" || ranges !== null);
    this.format = format;
    this.ranges = ranges;
    this.codec = coded ? rowCodec(storage, dim, ranges) : null;
    this.codes = this.codec ? (codes ?? new VectorBlocks(this.codec.type, dim)) : null;
    const floats = !coded || keepVectors;
    this.vectors = floats ? (vectors ?? new VectorBlocks("float32", rowWidth(format))) : null;
  }

  get rows(): number {
    return (this.codes ?? this.vectors!).rows;
  }

  get isMapped(): boolean {
    return Boolean(this.vectors?.isMapped || this.codes?.isMapped);
  }

  /** Rows in one piece of work on JavaScript's thread. */
  get slice(): number {
    return Math.max(1, Math.floor(NUMBERS_AT_ONCE / this.format.dim));
  }

  reserve(rows: number): void {
    this.vectors?.reserve(rows);
    this.codes?.reserve(rows);
  }

  /** Adds `[n, dim]` rows for which there is room. */
  append(rows: Float32Array): void {
    const codes = this.codec?.encode(rows);
    this.vectors?.append(this.format.metric === "euclidean" ? withHalfSquares(rows, this.format.dim) : rows);
    if (codes) this.codes!.append(codes);
  }

  /** `k` candidates for each query, `[queries, dim]`: rows, ranked by what is stored in the fewest bits. */
  candidates(queries: Float32Array, k: number, signal?: AbortSignal): Promise<BestRows> {
    if (this.codes) return this.codes.search(this.codec!.query(queries), k, signal);
    const { dim, metric } = this.format;
    return this.vectors!.search(metric === "euclidean" ? withOnes(queries, dim) : queries, k, signal);
  }

  /** Rows by number as float32, `[rows, dim]`: the kept ones, else what is left of them. */
  async read(rows: Int32Array): Promise<Float32Array> {
    if (!this.vectors) return this.codec!.decode(await this.codes!.read(rows));
    const found = (await this.vectors.read(rows)) as Float32Array;
    const { dim } = this.format;
    const { width } = this.vectors;
    if (width === dim) return found;
    const out = new Float32Array(rows.length * dim);
    for (let i = 0; i < rows.length; i++) out.set(found.subarray(i * width, i * width + dim), i * dim);
    return out;
  }

  /** Whether there are rows enough to take ranges from. */
  get isCalibrationDue(): boolean {
    return this.format.storage === "int8" && !this.ranges && this.rows >= CALIBRATION_ROWS;
  }

  /** The same rows as int8, over ranges that are taken from them. */
  async calibrated(pauses: Pauses): Promise<ExactRows> {
    const first = Int32Array.from({ length: Math.min(this.rows, 10 * CALIBRATION_ROWS) }, (_, i) => i);
    const coded = new ExactRows(this.format, rangesOf(await this.read(first), this.format.dim), this.vectors);
    coded.codes!.reserve(this.rows);
    for (let start = 0; start < this.rows; start += this.slice) {
      const rows = await this.read(numbersFrom(start, Math.min(this.rows, start + this.slice)));
      coded.codes!.append(coded.codec!.encode(rows));
      await pauses.take();
    }
    return coded;
  }

  /** A copy of some rows, in memory. */
  async copyOf(rows: Int32Array, pauses: Pauses): Promise<ExactRows> {
    const copy = new ExactRows(this.format, this.ranges);
    copy.reserve(rows.length);
    for (let start = 0; start < rows.length; start += this.slice) {
      const part = rows.subarray(start, start + this.slice);
      if (this.vectors) copy.vectors!.append(await this.vectors.read(part));
      if (this.codes) copy.codes!.append(await this.codes.read(part));
      await pauses.take();
    }
    return copy;
  }

  dispose(): void {
    this.vectors?.dispose();
    this.codes?.dispose();
  }
}

export const rowWidth = ({ metric, dim }: RowFormat): number => dim + (metric === "euclidean" ? 1 : 0);

export const numbersFrom = (start: number, end: number): Int32Array =>
  Int32Array.from({ length: end - start }, (_, i) => start + i);

function withHalfSquares(rows: Float32Array, dim: number): Float32Array {
  const out = new Float32Array((rows.length / dim) * (dim + 1));
  for (let row = 0; row < rows.length / dim; row++) {
    let squares = 0;
    for (let d = 0; d < dim; d++) {
      const value = rows[row * dim + d]!;
      out[row * (dim + 1) + d] = value;
      squares += value * value;
    }
    out[row * (dim + 1) + dim] = -squares / 2;
  }
  return out;
}

function withOnes(queries: Float32Array, dim: number): Float32Array {
  const count = queries.length / dim;
  const out = new Float32Array(count * (dim + 1)).fill(1);
  for (let i = 0; i < count; i++) out.set(queries.subarray(i * dim, (i + 1) * dim), i * (dim + 1));
  return out;
}
