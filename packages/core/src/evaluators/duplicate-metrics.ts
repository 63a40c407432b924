/** How well pairs that were found, the best first, match the pairs that are duplicates. */
export interface DuplicateMetrics {
  /** Σ precision at each duplicate found / number of duplicates. */
  readonly average_precision: number;
  /** The best of any number of pairs. */
  readonly f1: number;
  /** At the best F1. */
  readonly precision: number;
  /** At the best F1. */
  readonly recall: number;
  /** Between the last pair of the best F1 and the next one. */
  readonly threshold: number;
}

/**
 * @param scores of each pair, descending
 * @param isDuplicate whether a pair is one
 * @param duplicates how many there are, found or not
 */
export function duplicateMetrics(
  scores: ArrayLike<number>,
  isDuplicate: (pair: number) => boolean,
  duplicates: number,
): DuplicateMetrics {
  const best = { f1: 0, precision: 0, recall: 0, threshold: 0 };
  let [found, precisions] = [0, 0];
  for (let i = 0; i < scores.length; i++) {
    if (!isDuplicate(i)) continue;
    found++;
    const precision = found / (i + 1);
    const recall = duplicates > 0 ? found / duplicates : 0;
    const f1 = (2 * precision * recall) / (precision + recall);
    precisions += precision;
    if (f1 <= best.f1) continue;
    const next = scores[Math.min(i + 1, scores.length - 1)]!;
    Object.assign(best, { f1, precision, recall, threshold: (scores[i]! + next) / 2 });
  }
  return { average_precision: duplicates > 0 ? precisions / duplicates : 0, ...best };
}
