import { type RankingCuts, rankingCuts } from "./ranking-metrics.ts";

/** A file's columns of ranking metrics: their headers, and the metrics that they hold. */
export interface RankingColumns {
  /** "cosine-NDCG@10" */
  readonly headers: readonly string[];
  /** "cosine_ndcg@10" */
  readonly metrics: readonly string[];
}

/** @param names of the score functions */
export function rankingColumns(where: string, names: readonly string[], cuts: RankingCuts): RankingColumns {
  const { accuracyAtK, precisionRecallAtK, mrrAtK, ndcgAtK, mapAtK } = rankingCuts(where, cuts);
  const columns = names.flatMap((name) => {
    const column = (title: string, k: number) =>
      [`${name}-${title}@${k}`, `${name}_${title.toLowerCase()}@${k}`] as const;
    return [
      ...accuracyAtK.map((k) => column("Accuracy", k)),
      ...precisionRecallAtK.flatMap((k) => [column("Precision", k), column("Recall", k)]),
      ...mrrAtK.map((k) => column("MRR", k)),
      ...ndcgAtK.map((k) => column("NDCG", k)),
      ...mapAtK.map((k) => column("MAP", k)),
    ];
  });
  return { headers: columns.map(([header]) => header), metrics: columns.map(([, metric]) => metric) };
}
