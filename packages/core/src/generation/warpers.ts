/**
 * What sampling does to the scores before it draws: each function makes a warper that sets what is left out to −∞.
 * Formulas, comparisons and ties are those of transformers 5.
 */
import type { ScoreWarper } from "./score-processor.ts";
import { largestAt, selectByMass } from "./select-by-mass.ts";

export function largestOf(scores: Float32Array): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) if (scores[i]! > largest) largest = scores[i]!;
  return largest;
}

/** `log Σ exp(score)`, with the largest score apart. */
export function logSumExp(scores: Float32Array, largest: number = largestOf(scores)): number {
  let sum = 0;
  for (let i = 0; i < scores.length; i++) sum += Math.exp(scores[i]! - largest);
  return largest + Math.log(sum);
}

/** Scores below a bound leave, but never the `keep` best. */
function dropBelow(scores: Float32Array, bound: number, keep: number): void {
  const best = largestAt(scores, Math.min(keep, scores.length));
  const least = Math.min(bound, best);
  for (let i = 0; i < scores.length; i++) if (scores[i]! < least) scores[i] = Number.NEGATIVE_INFINITY;
}

export const temperatureWarper =
  (temperature: number): ScoreWarper =>
  (scores) => {
    for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! / temperature;
  };

/** The `k` best stay, and all that equal the last of them. */
export const topKWarper =
  (k: number): ScoreWarper =>
  (scores) => {
    dropBelow(scores, Number.POSITIVE_INFINITY, k);
  };

/** The fewest tokens whose probabilities add up to `p` stay: those above which less than `p` ranks. */
export const topPWarper =
  (p: number, keep: number): ScoreWarper =>
  (scores) => {
    const largest = largestOf(scores);
    keepByMass(scores, p, keep, largest, (score) => largest - score);
  };

/** Tokens less than `p` times as likely as the best leave. */
export const minPWarper =
  (p: number, keep: number): ScoreWarper =>
  (scores) => {
    dropBelow(scores, largestOf(scores) + Math.log(p), keep);
  };

/**
 * Locally typical sampling: tokens whose surprise is closest to the expected one stay, until they weigh `mass`.
 *
 * @see https://arxiv.org/abs/2202.00666
 */
export const typicalWarper =
  (mass: number, keep: number): ScoreWarper =>
  (scores) => {
    const largest = largestOf(scores);
    const total = logSumExp(scores, largest);
    const entropy = entropyOf(scores, total);
    keepByMass(scores, mass, keep, largest, (score) => Math.abs(total - score - entropy), true);
  };

/** Tokens less likely than `epsilon` leave. */
export const epsilonWarper =
  (epsilon: number, keep: number): ScoreWarper =>
  (scores) => {
    dropBelow(scores, logSumExp(scores) + Math.log(epsilon), keep);
  };

/**
 * Eta sampling: the bound is `min(epsilon, sqrt(epsilon) · exp(−entropy))`.
 *
 * @see https://arxiv.org/abs/2210.15191
 */
export const etaWarper =
  (epsilon: number, keep: number): ScoreWarper =>
  (scores) => {
    const total = logSumExp(scores);
    const eta = Math.min(epsilon, Math.sqrt(epsilon) * Math.exp(-entropyOf(scores, total)));
    dropBelow(scores, total + Math.log(eta), keep);
  };

/** Scores become logarithms of probabilities. */
export const normalise: ScoreWarper = (scores) => {
  const total = logSumExp(scores);
  for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! - total;
};

function entropyOf(scores: Float32Array, total: number): number {
  let entropy = 0;
  for (let i = 0; i < scores.length; i++) {
    const log = scores[i]! - total;
    if (log > Number.NEGATIVE_INFINITY) entropy -= Math.exp(log) * log;
  }
  return entropy;
}

/**
 * Keeps the first tokens in the order of their keys until they weigh `mass`, and `keep` of them at least.
 *
 * @param ties whether all tokens with the last one's key stay too
 */
function keepByMass(
  scores: Float32Array,
  mass: number,
  keep: number,
  largest: number,
  keyOf: (score: number) => number,
  ties = false,
): void {
  const order = new Int32Array(scores.length);
  const key = new Float64Array(scores.length);
  const weight = new Float64Array(scores.length);
  let [count, total] = [0, 0];
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (score === Number.NEGATIVE_INFINITY) continue;
    order[count++] = i;
    key[i] = keyOf(score);
    weight[i] = Math.exp(score - largest);
    total += weight[i]!;
  }
  const all = order.subarray(0, count);
  let chosen = selectByMass(all, key, weight, mass * total);
  if (chosen < keep) chosen = firstByKey(all, key, Math.min(keep, count));
  let last = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < chosen; i++) last = Math.max(last, key[all[i]!]!);
  for (let i = chosen; i < count; i++) {
    if (!(ties && key[all[i]!]! <= last)) scores[all[i]!] = Number.NEGATIVE_INFINITY;
  }
}

/** Brings the `count` entries with the least keys to the front. */
function firstByKey(order: Int32Array, key: Float64Array, count: number): number {
  const ones = new Float64Array(key.length).fill(1);
  return selectByMass(order, key, ones, count);
}
