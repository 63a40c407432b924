import type { Dropped } from "./choose-negatives.ts";

/** Of scores; null of none. */
export interface ScoreStatistics {
  readonly count: number;
  readonly mean: number;
  /** Of an even number the lower one of the middle. */
  readonly median: number;
  /** Over count − 1. */
  readonly std: number;
  readonly min: number;
  readonly quarter: number;
  readonly half: number;
  readonly threeQuarters: number;
  readonly max: number;
}

export interface MiningSummary {
  readonly rows: number;
  /** Rows that were not made because negatives were missing. */
  readonly missing: number;
  readonly possible: number;
  readonly positive: ScoreStatistics | null;
  readonly negative: ScoreStatistics | null;
  /** Positive minus negative. */
  readonly difference: ScoreStatistics | null;
  /** Candidates that were looked at. */
  readonly candidates: number;
  /** Candidates that each limit dropped. */
  readonly dropped: Readonly<Dropped>;
}

export function scoreStatistics(scores: readonly number[]): ScoreStatistics | null {
  const count = scores.length;
  if (count === 0) return null;
  const sorted = Float64Array.from(scores).sort();
  let sum = 0;
  for (const score of sorted) sum += score;
  const mean = sum / count;
  let squares = 0;
  for (const score of sorted) squares += (score - mean) ** 2;
  const quantile = (q: number): number => {
    const at = q * (count - 1);
    const low = Math.floor(at);
    return sorted[low]! + (at - low) * ((sorted[low + 1] ?? sorted[low]!) - sorted[low]!);
  };
  return {
    count,
    mean,
    median: sorted[(count - 1) >> 1]!,
    std: Math.sqrt(squares / (count - 1)),
    min: sorted[0]!,
    quarter: quantile(0.25),
    half: quantile(0.5),
    threeQuarters: quantile(0.75),
    max: sorted[count - 1]!,
  };
}

const ROWS: readonly [title: string, key: keyof ScoreStatistics][] = [
  ["Count", "count"],
  ["Mean", "mean"],
  ["Median", "median"],
  ["Std", "std"],
  ["Min", "min"],
  ["25%", "quarter"],
  ["50%", "half"],
  ["75%", "threeQuarters"],
  ["Max", "max"],
];

/** The summary as lines for a terminal: a table of scores, and a sentence for each limit and for what is missing. */
export function miningSummaryText(summary: MiningSummary): string {
  const columns = [summary.positive, summary.negative, summary.difference];
  const cell = (statistics: ScoreStatistics | null, key: keyof ScoreStatistics): string => {
    if (!statistics) return key === "count" ? "0" : "";
    return key === "count" ? statistics.count.toLocaleString("en-US") : statistics[key].toFixed(4);
  };
  const line = (...cells: string[]) => cells.map((text, i) => (i === 0 ? text.padEnd(6) : text.padStart(14))).join(" ");
  const lines = [line("Score", "positive", "negative", "difference")];
  for (const [title, key] of ROWS) lines.push(line(title, ...columns.map((each) => cell(each, key))));
  for (const [name, count] of Object.entries(summary.dropped)) {
    if (count === 0) continue;
    const share = ((100 * count) / summary.candidates).toFixed(2);
    lines.push(`${name} dropped ${count.toLocaleString("en-US")} candidates (${share} %).`);
  }
  if (summary.missing > 0) {
    const share = ((100 * summary.missing) / summary.possible).toFixed(2);
    lines.push(
      `Negatives are missing for ${summary.missing} rows (${share} %): widen rangeMax or the limits for more.`,
    );
  }
  return lines.join("\n");
}
