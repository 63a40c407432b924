import { EngineError } from "../errors.ts";

/**
 * Cuts a packed batch between sequences: ranges `[first, end)` of sequences with at most `maxTokens` tokens each, taken
 * in order as long as they fit. A longer sequence is a range of its own.
 *
 * @param offsets `[B + 1]`, where each sequence starts
 */
export function sequenceRanges(offsets: ArrayLike<number>, maxTokens: number): [first: number, end: number][] {
  if (!(maxTokens >= 1)) throw new EngineError("sequenceRanges", `maxTokens is ${maxTokens}`, "Use 1 or more.");
  const ranges: [number, number][] = [];
  const sequences = offsets.length - 1;
  for (let first = 0; first < sequences; ) {
    let end = first + 1;
    while (end < sequences && offsets[end + 1]! - offsets[first]! <= maxTokens) end++;
    ranges.push([first, end]);
    first = end;
  }
  return ranges;
}
