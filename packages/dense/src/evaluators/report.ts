import { appendCsv, type EvaluateOptions, prefixed, type SentenceEvaluator } from "@ettin/core";
import { type HasCardFacts, noteEvaluation } from "../card-facts.ts";

/** What an evaluator found. */
export interface EvaluationReport {
  /** Without the evaluator's name before them. */
  readonly metrics: Readonly<Record<string, number>>;
  /** A line for the file, and its headers after "epoch" and "steps"; null: no file. */
  readonly csv: {
    readonly file: string;
    readonly headers: readonly string[];
    readonly values: readonly number[];
  } | null;
  /** Of the class, for people. @default the class's name in words */
  readonly description?: string;
  /** false: the model's card does not hear of it. @default true */
  readonly onCard?: boolean;
}

/** Writes the file, tells the model's card, and gives the metrics the evaluator's name. */
export async function report(
  evaluator: SentenceEvaluator<never>,
  model: HasCardFacts,
  { metrics, csv, description, onCard = true }: EvaluationReport,
  { outputPath, epoch = -1, steps = -1 }: EvaluateOptions,
): Promise<Record<string, number>> {
  if (outputPath !== undefined && csv) {
    await appendCsv(outputPath, csv.file, ["epoch", "steps", ...csv.headers], [epoch, steps, ...csv.values]);
  }
  const named = prefixed(evaluator.name, metrics);
  const className = evaluator.constructor.name;
  if (onCard) {
    noteEvaluation(model, {
      evaluator: className,
      description: description ?? wordsOf(className),
      name: evaluator.name,
      primaryMetric: evaluator.primaryMetric,
      metrics: named,
      config: evaluator.config?.() ?? {},
      epoch,
      steps,
    });
  }
  return named;
}

/** "BinaryClassificationEvaluator" to "Binary Classification". */
const wordsOf = (className: string): string =>
  className.replace(/Evaluator.*$/, "").replace(/([a-z])([A-Z])/g, "$1 $2");

/** "name" to "_name"; nothing for none. */
export const nameSuffix = (name: string): string => (name === "" ? "" : `_${name}`);

/** Options that were given, for a card. */
export const givenOptions = (options: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
