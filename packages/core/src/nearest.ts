/** The name with the fewest letters to change; case and underscores do not count. Undefined of none. */
export function nearest(name: string, names: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/_/g, "");
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const other of names) {
    const changes = distance(plain(name), plain(other));
    if (changes < least) [best, least] = [other, changes];
  }
  return best;
}

/** Letters to insert, delete or change. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
}
