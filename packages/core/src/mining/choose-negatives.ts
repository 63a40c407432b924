import type { NumpyGenerator } from "../data/numpy-generator.ts";
import type { MiningSettings } from "./mining-options.ts";

/** Texts of the corpus with their scores, for one anchor. */
export interface Candidates {
  readonly rows: ArrayLike<number>;
  readonly scores: ArrayLike<number>;
}

export interface Negative {
  readonly row: number;
  readonly score: number;
}

/** Candidates that each limit dropped. */
export interface Dropped {
  absoluteMargin: number;
  relativeMargin: number;
  maxScore: number;
  minScore: number;
}

/**
 * The negatives of one anchor: candidates without its positives, within margins and limits, of a window of ranks.
 * Scores and limits are compared in float32. A margin counts from the anchor's lowest positive.
 *
 * @returns at most `numNegatives`, best first
 */
export function chooseNegatives(
  { rows, scores }: Candidates,
  positives: readonly number[],
  positiveScores: ArrayLike<number>,
  settings: MiningSettings,
  dropped: Dropped,
  generator: NumpyGenerator,
): Negative[] {
  const { absoluteMargin, relativeMargin, maxScore, minScore } = settings;
  const { rangeMin, rangeMax, numNegatives } = settings;
  let lowest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < positiveScores.length; i++) lowest = Math.min(lowest, positiveScores[i]!);
  const margin = Math.fround(absoluteMargin ?? 0);
  const furthest = Math.fround(lowest - Math.fround(Math.abs(lowest) * Math.fround(relativeMargin ?? 0)));

  const left: Negative[] = [];
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const score = scores[i]!;
    if (row < 0 || (!settings.includePositives && positives.includes(row))) continue;
    if (absoluteMargin !== undefined && Math.fround(score + margin) > lowest) dropped.absoluteMargin++;
    else if (relativeMargin !== undefined && score > furthest) dropped.relativeMargin++;
    else if (maxScore !== undefined && score > Math.fround(maxScore)) dropped.maxScore++;
    else if (minScore !== undefined && score < Math.fround(minScore)) dropped.minScore++;
    else left.push({ row, score });
  }
  left.sort((a, b) => b.score - a.score); // stable: of equal ones the candidate that came first
  const window = left.slice(rangeMin, rangeMax);
  if (settings.samplingStrategy === "top" || window.length <= numNegatives) return window.slice(0, numNegatives);
  const drawn = generator.permutation(window.length).slice(0, numNegatives).sort();
  return Array.from(drawn, (place) => window[place]!);
}
