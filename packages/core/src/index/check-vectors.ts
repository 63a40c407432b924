import { EngineError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../known-options.ts";
import { Pauses } from "./pauses.ts";
import type { IndexItems, SearchOptions, VectorRows } from "./vector-index.ts";

const OPTIONS: OptionNames<SearchOptions> = {
  ...{ k: true, filter: true, ef: true, rescoreMultiplier: true, signal: true },
};

/** What vectors have to be. */
export interface Wanted {
  /** The function that the caller wrote. */
  readonly where: string;
  readonly dim: number;
  /** Brings every row to length 1. */
  readonly unit: boolean;
}

/** Checks what is added to an index. @returns copies of the vectors, `[ids, dim]` */
export async function checkedItems(items: IndexItems, wanted: Wanted, signal?: AbortSignal): Promise<Float32Array> {
  const { ids, vectors, metadata } = items;
  const { where } = wanted;
  const seen = new Map<string, number>();
  ids.forEach((id, i) => {
    if (typeof id !== "string") {
      throw new EngineError(where, `id ${i} is a ${typeof id}`, "Ids are strings: use String(id).");
    }
    const before = seen.get(id);
    if (before !== undefined) {
      throw new EngineError(where, `id ${JSON.stringify(id)} is there twice, at ${before} and ${i}`, "Add it once.");
    }
    seen.set(id, i);
  });
  if (metadata && metadata.length !== ids.length) {
    throw new EngineError(
      where,
      `there are ${ids.length} ids, but metadata of ${metadata.length}`,
      "Give each id its own, or null.",
    );
  }
  return checkedVectors(vectors, ids.length, wanted, (i) => `of id ${JSON.stringify(ids[i])}`, signal);
}

/** @param called says which vector it is, for messages */
export async function checkedVectors(
  vectors: VectorRows,
  count: number,
  wanted: Wanted,
  called: (i: number) => string,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const { where, dim, unit } = wanted;
  const flat = vectors instanceof Float32Array;
  if (flat ? vectors.length !== count * dim : vectors.length !== count) {
    const numbers = flat ? `${vectors.length} numbers, which are ${vectors.length / dim}` : `${vectors.length}`;
    throw new EngineError(
      where,
      `there are ${count} ids, but ${numbers} vectors of ${dim}`,
      "Give each id one vector.",
    );
  }
  const rows = new Float32Array(count * dim);
  const pauses = new Pauses(signal);
  for (let i = 0; i < count; i++) {
    const row = flat ? vectors.subarray(i * dim, (i + 1) * dim) : vectors[i]!;
    copyRow(rows, i * dim, row, wanted, called, i);
    if (unit) toUnit(rows, i * dim, dim);
    if (i % 64 === 63) await pauses.take();
  }
  return rows;
}

function copyRow(
  rows: Float32Array,
  at: number,
  row: ArrayLike<number>,
  { where, dim }: Wanted,
  called: (i: number) => string,
  i: number,
): void {
  if (row?.length !== dim) {
    throw new EngineError(
      where,
      `the vector ${called(i)} has ${row?.length} numbers, but the index ${dim}`,
      "Encode with the model and the truncateDim that made the index.",
    );
  }
  for (let d = 0; d < dim; d++) {
    rows[at + d] = row[d]!;
    if (!Number.isFinite(rows[at + d]!)) {
      throw new EngineError(
        where,
        `the vector ${called(i)} has ${row[d]} at dimension ${d}`,
        "Check the text and the model that made it; nothing was added.",
      );
    }
  }
}

/** Divides by the length, which is taken as 1e-12 if it is less. */
export function toUnit(rows: Float32Array, at: number, dim: number): void {
  let squares = 0;
  for (let d = at; d < at + dim; d++) squares += rows[d]! * rows[d]!;
  const scale = 1 / Math.max(Math.sqrt(squares), 1e-12);
  for (let d = at; d < at + dim; d++) rows[d]! *= scale;
}

/** Checks queries. @returns copies, `[queries, dim]` */
export function checkedQueries(queries: VectorRows, wanted: Wanted): Promise<Float32Array> {
  const { where, dim } = wanted;
  if (queries instanceof Float32Array && queries.length % dim !== 0) {
    throw new EngineError(
      where,
      `${queries.length} numbers are ${queries.length / dim} queries of ${dim}`,
      "Pass whole vectors of the index's dimension.",
    );
  }
  const count = queries instanceof Float32Array ? queries.length / dim : queries.length;
  return checkedVectors(queries, count, wanted, (i) => `of query ${i}`);
}

/** Most hits, from the options. */
export function checkedK(where: string, options: SearchOptions): number {
  const { k = 10 } = checkOptions(where, options, OPTIONS, { topK: "Use k." });
  if (Number.isSafeInteger(k) && k >= 1) return k;
  throw new EngineError(where, `k is ${k}`, "Ask for 1 hit or more.");
}
