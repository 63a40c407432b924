import { EngineError } from "../errors.ts";
import { Pauses } from "../index/pauses.ts";
import { checkOptions, type OptionNames } from "../known-options.ts";
import { rowsOf } from "../similarity/vector-rows.ts";
import { BestPairs } from "./best-pairs.ts";
import { bestRows, type MiningScoreFunction, part } from "./best-rows.ts";
import type { MiningEncodeOptions } from "./mining-encoder.ts";

export interface ParaphraseOptions {
  /** Texts whose neighbours are looked for together. @default 5000 */
  queryChunkSize?: number;
  /** Texts among which `topK` neighbours are looked for: with more texts, each finds `topK` in every such part. @default 100,000 */
  corpusChunkSize?: number;
  /** About how many pairs are kept, each counted from both sides. @default 500,000 */
  maxPairs?: number;
  /** Neighbours of each text. @default 100 */
  topK?: number;
  /** "cosine", "dot", "euclidean", "manhattan", or a function of tensors. @default "cosine" */
  scoreFunction?: MiningScoreFunction;
  /** Called with the number of scores that are done. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

const OPTIONS: OptionNames<ParaphraseOptions> = {
  ...{ queryChunkSize: true, corpusChunkSize: true, maxPairs: true, topK: true, scoreFunction: true },
  ...{ onProgress: true, signal: true },
};

/** Two texts, the earlier first, and how similar they are. */
export type ParaphrasePair = readonly [score: number, first: number, second: number];

/** What makes embeddings of texts that are neither queries nor documents. */
export interface TextEmbedder {
  encode(texts: readonly string[], options?: MiningEncodeOptions): Promise<readonly ArrayLike<number>[]>;
}

/**
 * Encodes texts and finds those that mean the same: the pairs with the highest similarity, highest first.
 *
 * @see https://sbert.net/docs/package_reference/util.html
 */
export async function paraphraseMining(
  model: TextEmbedder,
  sentences: readonly string[],
  options: ParaphraseOptions & MiningEncodeOptions = {},
): Promise<ParaphrasePair[]> {
  const { queryChunkSize, corpusChunkSize, maxPairs, topK, scoreFunction, onProgress, ...encode } = options;
  const limits = { queryChunkSize, corpusChunkSize, maxPairs, topK, scoreFunction, onProgress, signal: options.signal };
  const embeddings = await model.encode(sentences, encode);
  return paraphraseMiningEmbeddings(embeddings as readonly Float32Array[], limits as ParaphraseOptions); // which looks whether they are
}

/** The same for texts that are encoded already. */
export async function paraphraseMiningEmbeddings(
  embeddings: readonly Float32Array[],
  options: ParaphraseOptions = {},
): Promise<ParaphrasePair[]> {
  const where = "paraphraseMining";
  checkOptions(where, options, OPTIONS);
  const { queryChunkSize = 5000, corpusChunkSize = 100_000, maxPairs = 500_000, topK = 100 } = options;
  const { scoreFunction = "cosine", onProgress, signal } = options;
  for (const [name, value] of Object.entries({ queryChunkSize, corpusChunkSize, maxPairs, topK })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new EngineError(where, `${name} is ${value}`, "Use a whole number from 1 on.");
    }
  }
  const all = rowsOf(where, "embedding", embeddings);
  const pairs = new BestPairs(maxPairs);
  const pauses = new Pauses(signal);
  const total = all.rows * all.rows;
  let before = 0;
  for (let start = 0; start < all.rows; start += corpusChunkSize) {
    const corpus = part(all, start, start + corpusChunkSize);
    for (let first = 0; first < all.rows; first += queryChunkSize) {
      const queries = part(all, first, first + queryChunkSize);
      const done = before;
      const best = await bestRows(queries, corpus, Math.min(topK + 1, corpus.rows), {
        scoreFunction, // a text is its own nearest: hence one more
        signal,
        onProgress: onProgress && ((scores) => onProgress(done + scores, total)),
      });
      before += queries.rows * corpus.rows;
      for (let at = 0; at < best.rows.length; at++) {
        const [i, j] = [first + Math.floor(at / best.k), start + best.rows[at]!];
        if (best.rows[at]! >= 0 && i !== j) pairs.add(best.scores[at]!, i, j);
        if (at % 4096 === 0) await pauses.take();
      }
    }
  }
  return distinct(pairs, pauses);
}

/** Each pair once, the highest score first. */
async function distinct(pairs: BestPairs, pauses: Pauses): Promise<ParaphrasePair[]> {
  const seen = new Set<number>();
  const found: ParaphrasePair[] = [];
  for (let pair = pairs.takeWorst(); pair; pair = pairs.takeWorst()) {
    const [score, i, j] = pair;
    const [first, second] = i < j ? [i, j] : [j, i];
    const key = first * 2 ** 26 + second;
    if (!seen.has(key)) found.push([score, first, second]);
    seen.add(key);
    await pauses.take();
  }
  return found.sort((a, b) => b[0] - a[0]); // stable: of equal scores, the pair of the lower numbers first
}
