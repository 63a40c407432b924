import { EngineError } from "../errors.ts";
import { tiedAveragePrecision } from "./tied-ranking.ts";

/** How well scores tell two classes apart, at the best threshold of each kind. */
export interface BinaryMetrics {
  readonly accuracy: number;
  readonly accuracy_threshold: number;
  readonly f1: number;
  readonly f1_threshold: number;
  /** At `f1_threshold`. */
  readonly precision: number;
  /** At `f1_threshold`. */
  readonly recall: number;
  /** Average precision. */
  readonly ap: number;
  /** Matthews' correlation at `f1_threshold`. */
  readonly mcc: number;
}

/**
 * Sweeps a threshold over scores. It lies midway between two neighbours in the order of the scores, never behind the last;
 * the first best one counts.
 *
 * @param labels 0 or 1, both of them there
 * @param options.greaterIsBetter whether a higher score speaks for 1; not so for distances. @default true
 */
export function binaryMetrics(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  { greaterIsBetter = true }: { greaterIsBetter?: boolean } = {},
): BinaryMetrics {
  checkLabels("binaryMetrics", labels);
  if (labels.length !== scores.length) {
    throw new EngineError(
      "binaryMetrics",
      `there are ${scores.length} scores for ${labels.length} labels`,
      "Give one each.",
    );
  }
  const n = scores.length;
  const sign = greaterIsBetter ? 1 : -1;
  const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => sign * (scores[b]! - scores[a]!));
  const positives = Array.from(labels).reduce((sum, label) => sum + label, 0);
  // Scores are float32 and so are thresholds between them.
  const between = (i: number) => Math.fround(Math.fround(scores[order[i]!]! + scores[order[i + 1]!]!) / 2);
  let [accuracy, accuracyThreshold] = [0, -1];
  let [f1, f1Threshold, precision, recall] = [0, 0, 0, 0];
  let found = 0;
  for (let i = 0; i < n - 1; i++) {
    if (labels[order[i]!] === 1) found++;
    const negativesBelow = n - positives - (i + 1 - found);
    const accuracyHere = (found + negativesBelow) / n;
    if (accuracyHere > accuracy) [accuracy, accuracyThreshold] = [accuracyHere, between(i)];
    if (found === 0) continue;
    const [p, r] = [found / (i + 1), found / positives];
    const f1Here = (2 * p * r) / (p + r);
    if (f1Here > f1) [f1, precision, recall, f1Threshold] = [f1Here, p, r, between(i)];
  }
  const signed = greaterIsBetter ? scores : Float64Array.from(scores, (score) => -score);
  const isPositive = (score: number) => (greaterIsBetter ? score >= f1Threshold : score <= f1Threshold);
  return {
    accuracy,
    accuracy_threshold: accuracyThreshold,
    f1,
    f1_threshold: f1Threshold,
    precision,
    recall,
    ap: tiedAveragePrecision(labels, signed),
    mcc: matthews(
      labels,
      Uint8Array.from(scores, (score) => Number(isPositive(score))),
    ),
  };
}

/** Checks that labels are 0 and 1, and that there are both. */
export function checkLabels(where: string, labels: ArrayLike<number>): void {
  const seen = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (label === 0 || label === 1) seen[label]!++;
    else throw new EngineError(where, `label ${i} is ${label}`, "Labels are 0 and 1.");
  }
  if (seen[0]! > 0 && seen[1]! > 0) return;
  throw new EngineError(
    where,
    `of ${labels.length} labels ${seen[0]} are 0 and ${seen[1]} are 1`,
    "Give pairs of both classes: one alone cannot be told apart.",
  );
}

function matthews(labels: ArrayLike<number>, predicted: Uint8Array): number {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < predicted.length; i++) counts[2 * labels[i]! + predicted[i]!]!++;
  const [tn, fp, fn, tp] = counts as [number, number, number, number];
  const scale = Math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn));
  return scale === 0 ? 0 : (tp * tn - fp * fn) / scale;
}
