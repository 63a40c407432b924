import { EngineError } from "../errors.ts";

export interface BatchSizeWarmupOptions {
  /** The first size, a: 1 or more. */
  from: number;
  /** The last size, b. */
  to: number;
  /** How many tokens it takes, W. 0 for none. */
  tokens: number;
}

/**
 * A batch size that grows with the tokens seen, one unit at a time. Size j lasts `u·j` tokens with `u = W / Σ_{j=a}^{b−1} j`,
 * so that every size gets the same number of steps: size `a + i` ends at `⌈u·Σ_{j=a}^{a+i} j⌉` tokens, and from W on it is b.
 *
 * @returns the size at so many tokens
 */
export function batchSizeWarmup({ from, to, tokens }: BatchSizeWarmupOptions): (tokensSeen: number) => number {
  if (!(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 1 && from <= to)) {
    throw new EngineError("batchSizeWarmup", `sizes go from ${from} to ${to}`, "Use whole numbers from 1 on, rising.");
  }
  if (!(tokens >= 0)) throw new EngineError("batchSizeWarmup", `tokens is ${tokens}`, "Use 0 or more.");
  const sum = (first: number, last: number) => ((first + last) * (last - first + 1)) / 2;
  const whole = sum(from, to - 1);
  const ends = Array.from({ length: to - from }, (_, i) => Math.ceil((tokens / whole) * sum(from, from + i)));
  return (seen) => {
    if (seen >= tokens) return to;
    const i = ends.findIndex((end) => seen < end);
    return i < 0 ? to : from + i;
  };
}
