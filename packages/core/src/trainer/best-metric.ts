import { EngineError } from "../errors.ts";
import type { TrainerState } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/** A metric's name as it is logged. */
export const metricKey = (name: string): string => (name.startsWith("eval_") ? name : `eval_${name}`);

/**
 * Notes in the state whether an evaluation is the best so far, by `metricForBestModel`.
 *
 * @returns whether it is
 * @throws EngineError where the evaluation has no such metric
 */
export function noteBest(
  where: string,
  { metricForBestModel: name, greaterIsBetter, saveStrategy }: TrainingArguments,
  state: TrainerState,
  metrics: Readonly<Record<string, number>>,
): boolean {
  if (name === null) return false;
  const value = metrics[metricKey(name)];
  if (value === undefined) {
    throw new EngineError(
      where,
      `metricForBestModel is "${name}", but the evaluation gave ${Object.keys(metrics).join(", ")}`,
      "Name one of them.",
    );
  }
  const { bestMetric: best } = state;
  const better = best === null ? !Number.isNaN(value) : greaterIsBetter ? value > best : value < best;
  if (!better) return false;
  state.bestMetric = value;
  if (saveStrategy !== "no") state.bestGlobalStep = state.globalStep;
  return true;
}
