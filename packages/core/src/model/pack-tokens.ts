import type { PackedTokens } from "../tokenizer/packed-tokens.ts";
import type { TokenTargets } from "./language-head.ts";

/** Sequences of ids as a packed batch. */
export function packTokens(sequences: readonly ArrayLike<number>[]): PackedTokens {
  const offsets = new Int32Array(sequences.length + 1);
  sequences.forEach((sequence, b) => {
    offsets[b + 1] = offsets[b]! + sequence.length;
  });
  const tokens = new Int32Array(offsets.at(-1)!);
  sequences.forEach((sequence, b) => {
    tokens.set(sequence, offsets[b]);
  });
  return { tokens, offsets };
}

/** The targets of causal language modelling: every token but each sequence's first, predicted from the one before. */
export function nextTokens({ tokens, offsets }: PackedTokens): TokenTargets {
  const rows: number[] = [];
  for (let b = 0; b + 1 < offsets.length; b++) {
    for (let t = offsets[b]!; t + 1 < offsets[b + 1]!; t++) rows.push(t);
  }
  return { rows: Int32Array.from(rows), ids: Int32Array.from(rows, (row) => tokens[row + 1]!) };
}
