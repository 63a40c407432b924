import { EngineError } from "../errors.ts";

/**
 * Cuts a packed batch between sequences: ranges `[first, end)` of sequences with at most `maxTokens` tokens each, taken
 * in order as long as they fit. A longer sequence is a range of its own.
 *
 * @param offsets `[B + 1]`, where each sequence starts
 * @param maxSequences the most sequences of a range (default: any number)
 */
export function sequenceRanges(
  offsets: ArrayLike<number>,
  maxTokens: number,
  maxSequences: number = Number.POSITIVE_INFINITY,
): [first: number, end: number][] {
  for (const [name, value] of Object.entries({ maxTokens, maxSequences })) {
    if (!(value >= 1)) throw new EngineError("sequenceRanges", `${name} is ${value}`, "Use 1 or more.");
  }
  const ranges: [number, number][] = [];
  const sequences = offsets.length - 1;
  for (let first = 0; first < sequences; ) {
    let end = first + 1;
    const fits = () => offsets[end + 1]! - offsets[first]! <= maxTokens && end - first < maxSequences;
    while (end < sequences && fits()) end++;
    ranges.push([first, end]);
    first = end;
  }
  return ranges;
}
