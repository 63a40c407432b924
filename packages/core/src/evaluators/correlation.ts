import { EngineError } from "../errors.ts";

/** Pearson's correlation; NaN where one side is constant. */
export function pearson(x: ArrayLike<number>, y: ArrayLike<number>): number {
  checkLengths("pearson", x, y);
  const n = x.length;
  let [meanX, meanY] = [0, 0];
  for (let i = 0; i < n; i++) {
    meanX += x[i]! / n;
    meanY += y[i]! / n;
  }
  let [xx, yy, xy] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    const [dx, dy] = [x[i]! - meanX, y[i]! - meanY];
    xx += dx * dx;
    yy += dy * dy;
    xy += dx * dy;
  }
  const r = xy / (Math.sqrt(xx) * Math.sqrt(yy));
  return isConstant(x) || isConstant(y) ? Number.NaN : Math.max(-1, Math.min(1, r));
}

/** Spearman's correlation: Pearson's of the ranks, equal values sharing the mean of theirs; NaN where one side is constant or has a NaN. */
export function spearman(x: ArrayLike<number>, y: ArrayLike<number>): number {
  checkLengths("spearman", x, y);
  if (hasNaN(x) || hasNaN(y)) return Number.NaN;
  return pearson(averageRanks(x), averageRanks(y));
}

/** Ranks from 1 on; equal values have the mean of the ranks that they take up. */
export function averageRanks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++;
    for (let i = first; i < end; i++) ranks[order[i]!] = (first + 1 + end) / 2;
    first = end;
  }
  return ranks;
}

function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

function hasNaN(values: ArrayLike<number>): boolean {
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return true;
  return false;
}

function checkLengths(where: string, x: ArrayLike<number>, y: ArrayLike<number>): void {
  if (x.length === y.length && x.length >= 2) return;
  throw new EngineError(
    where,
    `there are ${x.length} and ${y.length} values`,
    "Give two lists of one length, 2 or more.",
  );
}
