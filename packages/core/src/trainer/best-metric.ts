import { EngineError } from "../errors.ts";
import type { TrainerState } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/** A metric's name as it is logged. */
export const metricKey = (name: string): string => (name.startsWith("eval_") ? name : `eval_${name}`);

/**
 * The value that `metricForBestModel` names, or null where nothing is to be chosen.
 *
 * @throws EngineError where the evaluation has no such metric
 */
export function chosenMetric(
  where: string,
  { metricForBestModel: name }: TrainingArguments,
  metrics: Readonly<Record<string, number>>,
): number | null {
  if (name === null) return null;
  const value = metrics[metricKey(name)];
  if (value !== undefined) return value;
  throw new EngineError(
    where,
    `metricForBestModel is "${name}", but the evaluation gave ${Object.keys(metrics).join(", ")}`,
    "Name one of them.",
  );
}

/**
 * Notes in the state whether an evaluation is the best so far.
 *
 * @param value of `chosenMetric`
 * @returns whether it is
 */
export function noteBest(
  { greaterIsBetter, saveStrategy }: TrainingArguments,
  state: TrainerState,
  value: number | null,
): boolean {
  if (value === null) return false;
  const { bestMetric: best } = state;
  const better = best === null ? !Number.isNaN(value) : greaterIsBetter ? value > best : value < best;
  if (!better) return false;
  state.bestMetric = value;
  if (saveStrategy !== "no") state.bestGlobalStep = state.globalStep;
  return true;
}
