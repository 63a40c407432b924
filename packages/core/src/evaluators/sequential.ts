import { EngineError } from "../errors.ts";
import type { EvaluateOptions, SentenceEvaluator } from "./evaluator.ts";

export interface SequentialEvaluatorOptions {
  /** One number of the primary metrics of all; not called where there is none. @default the last one's */
  mainScoreFunction?: (scores: readonly number[]) => number;
}

/** Several evaluators, one after the other: the metrics of all, and "sequential_score". */
export class SequentialEvaluator<Model> implements SentenceEvaluator<Model> {
  readonly name: string = "";
  readonly primaryMetric: string = "sequential_score";
  readonly greaterIsBetter: boolean = true;
  readonly evaluators: readonly SentenceEvaluator<Model>[];
  private readonly mainScore: (scores: readonly number[]) => number;

  constructor(evaluators: readonly SentenceEvaluator<Model>[], options: SequentialEvaluatorOptions = {}) {
    this.evaluators = evaluators;
    this.mainScore = options.mainScoreFunction ?? ((scores) => scores.at(-1)!);
  }

  metricNames(model: Model): readonly string[] | null {
    const found = this.evaluators.map((evaluator) => evaluator.metricNames?.(model) ?? null);
    return found.includes(null) ? null : [...new Set(found.flatMap((names) => names!)), this.primaryMetric];
  }

  async evaluate(model: Model, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const results: Record<string, number> = {};
    const scores: number[] = [];
    for (const [i, evaluator] of this.evaluators.entries()) {
      options.signal?.throwIfAborted();
      const found = await evaluator.evaluate(model, options);
      const score = primaryScore(evaluator.primaryMetric, found, i);
      if (score !== undefined) scores.push(score);
      Object.assign(results, found);
    }
    return { ...results, sequential_score: scores.length === 0 ? 0 : this.mainScore(scores) };
  }
}

/** The primary metric's value; of an evaluator without one the first value. */
function primaryScore(name: string | null, found: Readonly<Record<string, number>>, i: number): number | undefined {
  if (name === null) return Object.values(found)[0];
  if (Object.hasOwn(found, name)) return found[name];
  throw new EngineError(
    "SequentialEvaluator",
    `evaluator ${i} has the primary metric ${JSON.stringify(name)}, but gives ${Object.keys(found).join(", ")}`,
    "Let it measure what it is to be judged by.",
  );
}
