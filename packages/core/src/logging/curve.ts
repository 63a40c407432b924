/** Values over steps, as charts draw them. */
export interface Curve {
  readonly name: string;
  /** Steps, rising. */
  readonly x: readonly number[];
  /** As many values. Where one is not finite, the line has a gap. */
  readonly y: readonly number[];
  /** A dot on each value: for the few of evaluations. @default false */
  readonly dots?: boolean;
  /** Draws the values faintly and a smooth line above them. @default false */
  readonly smooth?: boolean;
  /** Its colour, by number. @default its place among the chart's curves */
  readonly color?: number;
}

/**
 * A curve without its noise: the mean of what came before and of what comes after a value, both weighted down
 * exponentially over an eightieth of the curve, so that a fall is not drawn late.
 */
export function smoothed(y: readonly number[]): number[] {
  const before = runningMean(y);
  const after = runningMean([...y].reverse()).reverse();
  return before.map((value, i) => (value + after[i]!) / 2);
}

/** Exponential, its first values debiased; what is not finite stays and does not count. */
function runningMean(y: readonly number[]): number[] {
  const keep = 1 - 1 / Math.max(1, y.length / 80);
  let [sum, weight] = [0, 0];
  return y.map((value) => {
    if (!Number.isFinite(value)) return value;
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return sum / weight;
  });
}

/**
 * The places of a curve that a picture can show: of each of `buckets` parts its first, its last, its lowest and its
 * highest value, so that spikes stay.
 *
 * @returns indices, rising
 */
export function visiblePoints(y: readonly number[], buckets: number): number[] {
  if (y.length <= 4 * buckets) return y.map((_, i) => i);
  const kept = new Set<number>();
  for (let b = 0; b < buckets; b++) {
    const [begin, end] = [Math.floor((b * y.length) / buckets), Math.floor(((b + 1) * y.length) / buckets)];
    let [low, high] = [begin, begin];
    for (let i = begin; i < end; i++) {
      if (y[i]! < y[low]!) low = i;
      if (y[i]! > y[high]!) high = i;
      if (!Number.isFinite(y[i]!)) kept.add(i);
    }
    for (const i of [begin, low, high, end - 1]) kept.add(i);
  }
  return [...kept].sort((a, b) => a - b);
}
