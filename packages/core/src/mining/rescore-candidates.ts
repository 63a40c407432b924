import { EngineError } from "../errors.ts";
import type { AnchoredTexts } from "./anchored-texts.ts";
import type { Candidates } from "./choose-negatives.ts";
import type { PairScorer } from "./mining-encoder.ts";

/** The scores that a cross-encoder gives to candidates and positives of some anchors, in one call. */
export async function rescored(
  model: PairScorer,
  { anchors, corpus, positives }: AnchoredTexts,
  numbers: readonly number[],
  found: readonly Candidates[],
  { batchSize, signal }: { batchSize: number; signal: AbortSignal | undefined },
): Promise<{ found: Candidates[]; positiveScores: Float32Array[] }> {
  signal?.throwIfAborted();
  const lists = numbers.flatMap((number, i) => [
    Array.from(found[i]!.rows).filter((row) => row >= 0),
    positives[number]!,
  ]);
  const pairs = lists.flatMap((rows, list) =>
    rows.map((row) => [anchors[numbers[list >> 1]!]!, corpus[row]!] as const),
  );
  const scores = await model.predict(pairs, { batchSize, ...(signal ? { signal } : {}) });
  if (scores.length !== pairs.length) {
    throw new EngineError(
      "mineHardNegatives",
      `the cross-encoder gave ${scores.length} scores for ${pairs.length} pairs`,
      "Use one with one label.",
    );
  }
  let at = 0;
  const parts = lists.map((rows) => Float32Array.from(rows, () => scores[at++]!));
  return {
    found: numbers.map((_, i) => ({ rows: lists[2 * i]!, scores: parts[2 * i]! })),
    positiveScores: numbers.map((_, i) => parts[2 * i + 1]!),
  };
}
