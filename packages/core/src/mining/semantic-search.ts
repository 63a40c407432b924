import { EngineError } from "../errors.ts";
import { checkOptions, type OptionNames } from "../known-options.ts";
import { rowsOf } from "../similarity/vector-rows.ts";
import { bestRows, type MiningScoreFunction } from "./best-rows.ts";

export interface SemanticSearchOptions {
  /**
   * Most hits for a query.
   *
   * @default 10
   */
  topK?: number;
  /** "cosine", "dot", "euclidean", "manhattan", or a function of tensors. @default "cosine" */
  scoreFunction?: MiningScoreFunction;
  /** Queries that are scored together. @default 100 */
  queryChunkSize?: number;
  /** Most rows of the corpus that are scored before the next are looked at. @default 500,000, or what 64 MB hold */
  corpusChunkSize?: number;
  /** Called with the number of scores that are done. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

const OPTIONS: OptionNames<SemanticSearchOptions> = {
  ...{ topK: true, scoreFunction: true, queryChunkSize: true, corpusChunkSize: true, onProgress: true, signal: true },
};

/** A hit: which embedding of the corpus, and how similar it is. */
export interface CorpusHit {
  readonly corpusId: number;
  readonly score: number;
}

/**
 * The nearest embeddings of a corpus for each query, nearest first; of equal ones the earlier first. Looks at all of
 * them, and holds no more than a piece of scores at a time.
 *
 *     const [hits] = await semanticSearch([query], corpus, { topK: 3 });
 *
 * @see https://sbert.net/docs/package_reference/util.html
 */
export async function semanticSearch(
  queryEmbeddings: Float32Array | readonly Float32Array[],
  corpusEmbeddings: readonly Float32Array[],
  options: SemanticSearchOptions = {},
): Promise<CorpusHit[][]> {
  const where = "semanticSearch";
  checkOptions(where, options, OPTIONS, { k: "Use topK." });
  const { topK = 10, scoreFunction = "cosine", queryChunkSize = 100, corpusChunkSize = 500_000 } = options;
  if (!Number.isSafeInteger(topK) || topK < 1) {
    throw new EngineError(where, `topK is ${topK}`, "Ask for 1 hit or more.");
  }
  for (const [name, value] of Object.entries({ queryChunkSize, corpusChunkSize })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new EngineError(where, `${name} is ${value}`, "Use a whole number from 1 on.");
  }
  const asked = queryEmbeddings instanceof Float32Array ? [queryEmbeddings] : queryEmbeddings;
  const queries = rowsOf(where, "query", asked);
  const corpus = rowsOf(where, "corpus embedding", corpusEmbeddings);
  if (queries.rows === 0 || corpus.rows === 0) return asked.map(() => []);
  if (queries.dim !== corpus.dim) {
    throw new EngineError(
      where,
      `queries have ${queries.dim} numbers, but the corpus ${corpus.dim}`,
      "Encode both with one model.",
    );
  }
  const { signal, onProgress } = options;
  const best = await bestRows(queries, corpus, Math.min(topK, corpus.rows), {
    scoreFunction,
    queryChunkSize,
    corpusChunkSize,
    signal,
    onProgress,
  });
  return asked.map((_, query) => {
    const hits: CorpusHit[] = [];
    for (let at = query * best.k; at < (query + 1) * best.k && best.rows[at]! >= 0; at++) {
      hits.push({ corpusId: best.rows[at]!, score: best.scores[at]! });
    }
    return hits;
  });
}
