export interface LengthStats {
  readonly chunks: number;
  /** Lengths below which so many percent lie, between two by straight lines. */
  readonly percentiles: Readonly<Record<string, number>>;
}

const PERCENTS = [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99, 100];

/** Percentiles of lengths, and the rows by thousands of tokens: "0k", "1k" … */
export function lengthStats(lengths: ArrayLike<number>): {
  percentiles: Record<string, number>;
  decile: Record<string, number[]>;
} {
  const decile: Record<string, number[]> = {};
  for (let i = 0; i < lengths.length; i++) {
    const key = `${Math.floor(lengths[i]! / 1000)}k`;
    decile[key] ??= [];
    decile[key].push(i);
  }
  return { percentiles: percentilesOf(lengths), decile };
}

export function percentilesOf(lengths: ArrayLike<number>): Record<string, number> {
  const sorted = Float64Array.from(lengths).sort();
  const at = (percent: number) => {
    const place = (percent / 100) * (sorted.length - 1);
    const low = sorted[Math.floor(place)] ?? 0;
    return low + ((sorted[Math.ceil(place)] ?? low) - low) * (place % 1);
  };
  return Object.fromEntries(PERCENTS.map((percent) => [String(percent), sorted.length === 0 ? 0 : at(percent)]));
}
