/** `[parts + 1]`: the first row of each part, and the number of all rows. */
export function partStarts(parts: readonly { readonly length: number }[]): Float64Array {
  const starts = new Float64Array(parts.length + 1);
  for (let i = 0; i < parts.length; i++) starts[i + 1] = starts[i]! + parts[i]!.length;
  return starts;
}

/** The part that has a row. */
export function partAt(starts: Float64Array, row: number): number {
  let [low, high] = [0, starts.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}
