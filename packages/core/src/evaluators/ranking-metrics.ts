import { EngineError } from "../errors.ts";

/** The places k up to which a ranking is looked at. */
export interface RankingCuts {
  /** @default [1, 3, 5, 10] */
  accuracyAtK?: readonly number[];
  /** @default [1, 3, 5, 10] */
  precisionRecallAtK?: readonly number[];
  /** @default [10] */
  mrrAtK?: readonly number[];
  /** @default [10] */
  ndcgAtK?: readonly number[];
  /** @default [100] */
  mapAtK?: readonly number[];
}

/** One query's results. */
export interface Ranking {
  /** Of each result, the best first, whether it is relevant: as many as the largest k, or all there are. */
  readonly hits: readonly boolean[];
  /** How many relevant documents the query has, found or not: 1 or more. */
  readonly relevant: number;
}

/**
 * Checks the places.
 *
 * @returns the places with their defaults, and the largest
 */
export function rankingCuts(where: string, cuts: RankingCuts): Required<RankingCuts> & { readonly largest: number } {
  const filled = {
    accuracyAtK: cuts.accuracyAtK ?? [1, 3, 5, 10],
    precisionRecallAtK: cuts.precisionRecallAtK ?? [1, 3, 5, 10],
    mrrAtK: cuts.mrrAtK ?? [10],
    ndcgAtK: cuts.ndcgAtK ?? [10],
    mapAtK: cuts.mapAtK ?? [100],
  };
  let largest = 0;
  for (const [name, list] of Object.entries(filled)) {
    for (const k of list) {
      if (Number.isSafeInteger(k) && k >= 1) largest = Math.max(largest, k);
      else throw new EngineError(where, `${name} has ${k}`, "Use whole numbers from 1 on.");
    }
    if (list.length === 0) throw new EngineError(where, `${name} is empty`, "Leave it out for its default.");
  }
  return { ...filled, largest };
}

/**
 * Means over queries of what rankings are measured by, relevance being 0 or 1:
 * accuracy@k (any hit among the first k), precision@k, recall@k, ndcg@k (Σ hit / log₂(rank + 1) over the same of the best
 * possible ranking), mrr@k (1 / rank of the first hit) and map@k (Σ precision at hits / min(k, relevant)).
 *
 * @returns by name and place: "ndcg@10"; in the order in which they are named here
 */
export function rankingMetrics(rankings: readonly Ranking[], cuts: RankingCuts = {}): Record<string, number> {
  const where = "rankingMetrics";
  const { accuracyAtK, precisionRecallAtK, mrrAtK, ndcgAtK, mapAtK } = rankingCuts(where, cuts);
  if (rankings.length === 0) throw new EngineError(where, "there is no query", "Give one or more.");
  const wrong = rankings.findIndex(({ relevant }) => !(relevant >= 1));
  if (wrong >= 0) {
    throw new EngineError(where, `query ${wrong} has ${rankings[wrong]!.relevant} relevant documents`, "Leave it out.");
  }
  const mean = (measure: (ranking: Ranking) => number) =>
    rankings.reduce((sum, ranking) => sum + measure(ranking), 0) / rankings.length;
  const metrics: Record<string, number> = {};
  for (const k of accuracyAtK) metrics[`accuracy@${k}`] = mean(({ hits }) => (hitsWithin(hits, k) > 0 ? 1 : 0));
  for (const k of precisionRecallAtK) metrics[`precision@${k}`] = mean(({ hits }) => hitsWithin(hits, k) / k);
  for (const k of precisionRecallAtK) {
    metrics[`recall@${k}`] = mean(({ hits, relevant }) => hitsWithin(hits, k) / relevant);
  }
  for (const k of ndcgAtK) metrics[`ndcg@${k}`] = mean((ranking) => ndcg(ranking, k));
  for (const k of mrrAtK) metrics[`mrr@${k}`] = mean(({ hits }) => reciprocalRank(hits, k));
  for (const k of mapAtK) metrics[`map@${k}`] = mean((ranking) => averagePrecision(ranking, k));
  return metrics;
}

/** 1 / the rank of the first hit among the first k, else 0. */
export function reciprocalRank(hits: readonly boolean[], k: number): number {
  const first = hits.indexOf(true);
  return first >= 0 && first < k ? 1 / (first + 1) : 0;
}

function hitsWithin(hits: readonly boolean[], k: number): number {
  let count = 0;
  for (let i = 0; i < Math.min(k, hits.length); i++) if (hits[i]) count++;
  return count;
}

function ndcg({ hits, relevant }: Ranking, k: number): number {
  let [gained, ideal] = [0, 0];
  for (let i = 0; i < k; i++) {
    const discounted = 1 / Math.log2(i + 2);
    if (hits[i]) gained += discounted;
    if (i < relevant) ideal += discounted;
  }
  return gained / ideal;
}

function averagePrecision({ hits, relevant }: Ranking, k: number): number {
  let [count, sum] = [0, 0];
  for (let i = 0; i < Math.min(k, hits.length); i++) if (hits[i]) sum += ++count / (i + 1);
  return sum / Math.min(k, relevant);
}
