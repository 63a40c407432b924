import { EngineError } from "../errors.ts";
import type { LossPass } from "../trainer/loss.ts";

/** How a loss with a gradient cache cuts its batch. */
export interface CachedOptions {
  /**
   * The most texts that the model sees at once. It bounds the memory and changes neither the loss nor its gradient.
   *
   * @default 32
   */
  miniBatchSize?: number;
  /**
   * The most tokens that the model sees at once, in place of `miniBatchSize` texts: texts of many lengths then make
   * pieces of one size. (The trainer's `maxTokensPerMicroBatch` holds as well: the smaller counts.)
   *
   * @default null: `miniBatchSize` counts
   */
  miniBatchNumTokens?: number | null;
}

/** Both options, with defaults. */
export type ResolvedCached = Required<CachedOptions>;

export function resolveCached(owner: string, options: CachedOptions, defaultSize = 32): ResolvedCached {
  const { miniBatchSize = defaultSize, miniBatchNumTokens = null } = options;
  for (const [name, value] of Object.entries({ miniBatchSize, miniBatchNumTokens: miniBatchNumTokens ?? 1 })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new EngineError(owner, `${name} is ${value}`, "Give a whole number from 1 on.");
  }
  return { miniBatchSize, miniBatchNumTokens };
}

/** A pass with the limits of a cached loss as well as its own. */
export function cachedPass(pass: LossPass, { miniBatchSize, miniBatchNumTokens }: ResolvedCached): LossPass {
  if (miniBatchNumTokens === null) return { ...pass, maxSequencesPerMicroBatch: miniBatchSize };
  const { maxTokensPerMicroBatch = miniBatchNumTokens } = pass;
  return { ...pass, maxTokensPerMicroBatch: Math.min(miniBatchNumTokens, maxTokensPerMicroBatch) };
}

/** Scores that are in memory at once in any case: 4 MiB of them, below which parts would only cost time. */
const fewScores = 2 ** 20;

/**
 * How many rows of scores a cached loss computes at once: `miniBatchSize`, or more where they are few.
 *
 * @param candidates how many scores a row has
 */
export function scoreRows({ miniBatchSize }: ResolvedCached, candidates: number): number {
  return Math.max(miniBatchSize, Math.floor(fewScores / Math.max(1, candidates)));
}
