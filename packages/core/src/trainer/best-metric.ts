import { EngineError } from "../errors.ts";
import { prefixedKey } from "../evaluators/result-files.ts";
import { nearestName } from "../nearest-name.ts";
import type { TrainableModel } from "./trainable-model.ts";
import type { Evaluator } from "./trainer-options.ts";
import type { TrainerState } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/** A metric's name as it is logged. */
export const metricKey = (name: string): string => (name.startsWith("eval_") ? name : `eval_${name}`);

/** What a run evaluates by. */
interface Evaluated<Model extends TrainableModel> {
  readonly model: Model;
  /** Names of the evaluation datasets; one without several has the name "". */
  readonly datasets: readonly string[];
  readonly evaluators: readonly Evaluator<Model>[];
}

/**
 * Checks, before a run, that an evaluation can give the metric that it chooses by.
 *
 * @param isGiven whether `metricForBestModel` was given, and is not the default
 * @throws EngineError naming the metrics there are
 */
export function checkBestMetric<Model extends TrainableModel>(
  where: string,
  { metricForBestModel: name, evalStrategy, saveStrategy }: TrainingArguments,
  { model, datasets, evaluators }: Evaluated<Model>,
  isGiven: boolean,
): void {
  if (name === null || evalStrategy === "no") return;
  const found = evaluators.map((each) => (typeof each === "function" ? null : (each.metricNames?.(model) ?? null)));
  const known = [...datasets.map((dataset) => prefixedKey(dataset, "loss")), ...found.flatMap((names) => names ?? [])];
  const plain = name.replace(/^eval_/, "");
  if (known.some((metric) => metricKey(metric) === metricKey(name))) return;
  // What else a loss or an evaluator gives is known only then: a name that somebody chose may be of it.
  const mayBePart = datasets.some((dataset) => dataset === "" || plain.startsWith(`${dataset}_`));
  if (isGiven && (mayBePart || found.includes(null))) return;
  const why = saveStrategy === "best" ? 'saveStrategy is "best"' : "loadBestModelAtEnd is true";
  const chosen = isGiven ? `metricForBestModel is "${name}"` : `${why} and metricForBestModel not set: "${name}"`;
  const [shown, others] = [known.slice(0, 12), known.length - 12];
  const gives = known.length === 0 ? "no loss" : `${shown.join(", ")}${others > 0 ? ` and ${others} more` : ""}`;
  const wayOut = isGiven
    ? `The nearest is ${nearestName(plain, known)}.`
    : "Set metricForBestModel to one of its metrics.";
  throw new EngineError(where, `${chosen}, but an evaluation gives ${gives}`, wayOut);
}

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
