import { EngineError } from "../errors.ts";

/** Runs of equal scores in descending order: how many there are in each, and the sum of their relevance. */
function tieGroups(
  where: string,
  relevance: ArrayLike<number>,
  scores: ArrayLike<number>,
): [size: number, sum: number][] {
  if (relevance.length !== scores.length) {
    throw new EngineError(
      where,
      `there are ${scores.length} scores for ${relevance.length} documents`,
      "Give each document one score.",
    );
  }
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const groups: [number, number][] = [];
  let before = Number.NaN;
  for (const i of order) {
    const score = scores[i]!;
    if (Number.isNaN(score)) throw new EngineError(where, `score ${i} is NaN`, "Give numbers.");
    if (score === before) {
      groups.at(-1)![0]++;
      groups.at(-1)![1] += relevance[i]!;
    } else groups.push([1, relevance[i]!]);
    before = score;
  }
  return groups;
}

/**
 * nDCG of scored documents: gains are the relevances, discounted by log₂(rank + 1). Documents of one score share their
 * ranks: each counts with the mean relevance of its group. The ideal is that of the documents given. 0 where none is
 * relevant.
 *
 * @param k ranks beyond it count nothing
 * @see scikit-learn's `ndcg_score`
 */
export function tiedNdcg(relevance: ArrayLike<number>, scores: ArrayLike<number>, k: number): number {
  const groups = tieGroups("tiedNdcg", relevance, scores);
  const discounts = (from: number, to: number) => {
    let sum = 0;
    for (let rank = from; rank < Math.min(to, k); rank++) sum += 1 / Math.log2(rank + 2);
    return sum;
  };
  let [gained, rank] = [0, 0];
  for (const [size, sum] of groups) {
    gained += (sum / size) * discounts(rank, rank + size);
    rank += size;
  }
  const ideal = Array.from(relevance)
    .sort((a, b) => b - a)
    .reduce((sum, gain, i) => sum + gain * discounts(i, i + 1), 0);
  return ideal === 0 ? 0 : gained / ideal;
}

/**
 * Average precision of scored documents: Σ (recall − recall before) · precision over the distinct scores, descending.
 * Documents of one score come in together. 0 where none is relevant.
 *
 * @param relevance 1 for relevant, 0 for not
 * @see scikit-learn's `average_precision_score`
 */
export function tiedAveragePrecision(relevance: ArrayLike<number>, scores: ArrayLike<number>): number {
  const groups = tieGroups("tiedAveragePrecision", relevance, scores);
  const all = groups.reduce((total, [, sum]) => total + sum, 0);
  if (all === 0) return 0;
  let [count, found, precision] = [0, 0, 0];
  for (const [size, sum] of groups) {
    count += size;
    found += sum;
    precision += (sum / all) * (found / count);
  }
  return precision;
}
