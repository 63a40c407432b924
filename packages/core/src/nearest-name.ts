/** The name with the fewest letters to insert, delete, change or swap; case and underscores aside. */
export function nearestName(name: string, names: readonly string[]): string {
  const scored = names.map((other) => [editDistance(plain(name), plain(other)), other] as const);
  return scored.reduce((best, each) => (each[0] < best[0] ? each : best))[1];
}

/** The nearest name where it is near enough to have been meant: up to a third of the letters differ. Else null. */
export function closeName(name: string, names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const near = nearestName(name, names);
  return editDistance(plain(name), plain(near)) <= Math.ceil(plain(name).length / 3) ? near : null;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
export function editDistance(a: string, b: string): number {
  let [before, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + changed);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}

const plain = (text: string): string => text.toLowerCase().replace(/[_-]/g, "");
