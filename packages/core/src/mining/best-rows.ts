import { Corpus, exactSearch } from "../index/exact.ts";
import { l2Normalize } from "../ops/l2-normalize.ts";
import { topK } from "../ops/top-k.ts";
import { type SimilarityFunctionName, similarityFunction } from "../similarity/similarity-function.ts";
import type { Rows } from "../similarity/vector-rows.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A similarity by name, or a function of `[n, dim]` and `[m, dim]` that gives `[n, m]`. */
export type MiningScoreFunction = SimilarityFunctionName | ((a: Tensor, b: Tensor) => Tensor);

/** The best rows of each query, best first; of equal scores the lower row. Row −1 where there are no more. */
export interface BestRows {
  readonly k: number;
  /** `[queries, k]` */
  readonly scores: Float32Array;
  /** `[queries, k]` */
  readonly rows: Int32Array;
}

export interface BestRowsOptions {
  readonly scoreFunction: MiningScoreFunction;
  /** Rows of the corpus that are scored before the next are looked at. */
  readonly corpusChunkSize?: number | undefined;
  /** Queries that are scored together. */
  readonly queryChunkSize?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with pairs of query and corpus row that have been scored. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** Numbers of the corpus that are copied to be brought to length 1: 64 MB. */
const NUMBERS_AT_ONCE = 1 << 24;
/** Results that one call of the kernel makes. */
const PLACES_AT_ONCE = 1 << 20;
/** Scores of a similarity that is not the kernel's: 16 MB. */
const SCORES_AT_ONCE = 1 << 22;

/** Looks at the corpus piece by piece: never more than a piece of scores is held. */
export async function bestRows(queries: Rows, corpus: Rows, k: number, options: BestRowsOptions): Promise<BestRows> {
  const { scoreFunction, signal, onProgress } = options;
  const { dim } = corpus;
  const byKernel = scoreFunction === "cosine" || scoreFunction === "dot";
  const most = Math.min(options.queryChunkSize ?? 256, Math.max(1, Math.floor(PLACES_AT_ONCE / k)));
  const queryChunk = byKernel ? most : Math.min(most, 64);
  const fitting = Math.max(1, Math.floor(byKernel ? NUMBERS_AT_ONCE / dim : SCORES_AT_ONCE / queryChunk));
  const corpusChunk = Math.min(options.corpusChunkSize ?? fitting, fitting);
  const best: BestRows = {
    k,
    scores: new Float32Array(queries.rows * k).fill(Number.NEGATIVE_INFINITY),
    rows: new Int32Array(queries.rows * k).fill(-1),
  };
  let done = 0;
  for (let start = 0; start < corpus.rows; start += corpusChunk) {
    const piece = part(corpus, start, start + corpusChunk);
    const data = scoreFunction === "cosine" ? await unit(piece) : piece.data;
    const search = byKernel ? kernelSearch(data, dim) : opSearch({ ...piece, data }, scoreFunction);
    try {
      for (let first = 0; first < queries.rows; first += queryChunk) {
        signal?.throwIfAborted();
        const asked = part(queries, first, first + queryChunk);
        const rows = scoreFunction === "cosine" ? await unit(asked) : asked.data;
        const kept = Math.min(k, piece.rows);
        merge(best, first, asked.rows, await search.find({ ...asked, data: rows }, kept), kept, start);
        done += asked.rows * piece.rows;
        onProgress?.(done, queries.rows * corpus.rows);
      }
    } finally {
      search.close();
    }
  }
  return best;
}

interface Found {
  readonly scores: Float32Array;
  readonly rows: Int32Array;
}

interface Search {
  find(queries: Rows, k: number): Promise<Found>;
  close(): void;
}

function kernelSearch(data: Float32Array, dim: number): Search {
  const corpus = Corpus.from(data, { dim });
  return {
    find: ({ data: asked, rows }, k) =>
      read(() => {
        const { scores, rows: found } = exactSearch(Tensor.from(asked, { shape: [rows, dim] }), corpus, k);
        return [scores, found];
      }),
    close: () => corpus.dispose(),
  };
}

function opSearch(corpus: Rows, scoreFunction: MiningScoreFunction): Search {
  const score = typeof scoreFunction === "function" ? scoreFunction : similarityFunction(scoreFunction).matrix;
  const documents = Tensor.from(corpus.data, { shape: [corpus.rows, corpus.dim] });
  return {
    find: ({ data, rows, dim }, k) =>
      read(() => {
        const { values, indices } = topK(score(Tensor.from(data, { shape: [rows, dim] }), documents), k);
        return [values, indices];
      }),
    close: () => documents.dispose(),
  };
}

async function read(find: () => [scores: Tensor, rows: Tensor]): Promise<Found> {
  const [scores, rows] = await Promise.all(
    noGrad(() => tensorScope(() => find().map((found) => found.data()) as Promise<unknown>[])),
  );
  return { scores: scores as Float32Array, rows: rows as Int32Array };
}

/** Brings rows to length 1. */
async function unit({ data, rows, dim }: Rows): Promise<Float32Array> {
  const [unit] = noGrad(() => tensorScope(() => [l2Normalize(Tensor.from(data, { shape: [rows, dim] })).data()]));
  return (await unit) as Float32Array;
}

export function part({ data, rows, dim }: Rows, start: number, end: number): Rows {
  const last = Math.min(rows, end);
  return { data: data.subarray(start * dim, last * dim), rows: last - start, dim };
}

/** Puts what a later piece of the corpus has between what there is. */
function merge(best: BestRows, first: number, count: number, found: Found, kept: number, start: number): void {
  const { k } = best;
  const scores = new Float32Array(k);
  const rows = new Int32Array(k);
  for (let query = 0; query < count; query++) {
    const from = query * kept;
    const to = (first + query) * k;
    for (let place = 0, old = 0, next = 0; place < k; place++) {
      const hasNext = next < kept && found.rows[from + next]! >= 0;
      if (hasNext && (best.rows[to + old]! < 0 || found.scores[from + next]! > best.scores[to + old]!)) {
        scores[place] = found.scores[from + next]!;
        rows[place] = start + found.rows[from + next++]!;
      } else {
        scores[place] = best.scores[to + old]!;
        rows[place] = best.rows[to + old++]!;
      }
    }
    best.scores.set(scores, to);
    best.rows.set(rows, to);
  }
}
