import { EngineError } from "../errors.ts";
import { Corpus, exactSearch } from "../index/exact.ts";
import { l2Normalize } from "../ops/l2-normalize.ts";
import { topK } from "../ops/top-k.ts";
import { type SimilarityFunctionName, similarityFunction } from "../similarity/similarity-function.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { TopRanked } from "./top-ranked.ts";
import { type PackedVectors, vectorsTensor } from "./vectors.ts";

/** `[n, dim]` and `[m, dim]` to scores `[n, m]`, more being better. */
export type ScoreFunction = (queries: Tensor, documents: Tensor) => Tensor;

/** Scores that are in memory at once where they are computed as a whole: 16 MiB. */
const MOST_SCORES = 2 ** 22;

/** The best documents of each query, over documents that come in chunks; of equal scores the one that came first. */
export class DocumentRanking {
  /** By query. */
  readonly top: readonly TopRanked[];
  private readonly queries: PackedVectors;
  private readonly score: SimilarityFunctionName | ScoreFunction;
  private readonly k: number;
  private seen = 0;

  constructor(queries: PackedVectors, score: SimilarityFunctionName | ScoreFunction, k: number) {
    this.queries = queries;
    this.score = score;
    this.k = k;
    this.top = Array.from({ length: queries.rows }, () => new TopRanked(k));
  }

  /** Scores one more chunk of documents, on the device. */
  async add(documents: PackedVectors): Promise<void> {
    if (documents.rows === 0) return;
    if (documents.dim !== this.queries.dim) {
      throw new EngineError(
        "DocumentRanking",
        `queries have ${this.queries.dim} numbers, documents ${documents.dim}`,
        "Encode both with one model, truncated alike.",
      );
    }
    if (this.score === "dot" || this.score === "cosine") await this.search(documents);
    else await this.compare(documents);
    this.seen += documents.rows;
  }

  /** By the search kernel, which holds no scores but the best. */
  private async search(documents: PackedVectors): Promise<void> {
    const unit = this.score === "cosine";
    const data = unit ? await unitVectors(documents) : documents.data;
    const corpus = Corpus.from(data, { dim: documents.dim });
    try {
      const found = tensorScope(() => {
        const queries = vectorsTensor(this.queries);
        const { scores, rows } = exactSearch(unit ? l2Normalize(queries) : queries, corpus, this.width(documents.rows));
        return [scores, rows];
      });
      await this.take(found as [Tensor, Tensor], 0, this.seen);
    } finally {
      corpus.dispose();
    }
  }

  /** By a function of all pairs, some documents at a time. */
  private async compare(documents: PackedVectors): Promise<void> {
    const { score, queries } = this;
    const compare = typeof score === "function" ? score : similarityFunction(score).matrix;
    const rowsAtOnce = Math.min(queries.rows, 4096);
    const documentsAtOnce = Math.max(1, Math.floor(MOST_SCORES / rowsAtOnce));
    for (let first = 0; first < documents.rows; first += documentsAtOnce) {
      const end = Math.min(first + documentsAtOnce, documents.rows);
      for (let query = 0; query < queries.rows; query += rowsAtOnce) {
        const found = tensorScope(() => {
          const some = vectorsTensor(queries, query, Math.min(query + rowsAtOnce, queries.rows));
          const scores = compare(some, vectorsTensor(documents, first, end));
          const { values, indices } = topK(scores, this.width(end - first));
          return [values, indices];
        });
        await this.take(found as [Tensor, Tensor], query, this.seen + first);
      }
    }
  }

  private width(documents: number): number {
    return Math.min(this.k, documents);
  }

  private async take([scores, rows]: [Tensor, Tensor], firstQuery: number, firstRow: number): Promise<void> {
    const width = scores.shape[1]!;
    const count = scores.shape[0]!;
    const reading = [scores.data(), rows.data()] as const;
    scores.dispose();
    rows.dispose();
    const [values, places] = (await Promise.all(reading)) as [Float32Array, Int32Array];
    for (let i = 0; i < count; i++) {
      const [begin, end] = [i * width, (i + 1) * width];
      this.top[firstQuery + i]!.add(values.subarray(begin, end), places.subarray(begin, end), firstRow);
    }
  }
}

async function unitVectors(vectors: PackedVectors): Promise<Float32Array> {
  const [unit] = tensorScope(() => [l2Normalize(vectorsTensor(vectors))]) as [Tensor];
  const reading = unit.data();
  unit.dispose();
  return (await reading) as Float32Array;
}
