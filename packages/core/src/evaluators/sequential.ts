import type { EvaluateOptions, SentenceEvaluator } from "./evaluator.ts";

export interface SequentialEvaluatorOptions {
  /** One number of the primary metrics of all. @default the last one's */
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
    this.mainScore = options.mainScoreFunction ?? ((scores) => scores.at(-1) ?? 0);
  }

  metricNames(model: Model): readonly string[] | null {
    const found = this.evaluators.map((evaluator) => evaluator.metricNames?.(model) ?? null);
    return found.includes(null) ? null : [...found.flatMap((names) => names!), this.primaryMetric];
  }

  async evaluate(model: Model, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const results: Record<string, number> = {};
    const scores: number[] = [];
    for (const evaluator of this.evaluators) {
      options.signal?.throwIfAborted();
      const found = await evaluator.evaluate(model, options);
      const score = evaluator.primaryMetric === null ? Object.values(found)[0] : found[evaluator.primaryMetric];
      if (score !== undefined) scores.push(score);
      Object.assign(results, found);
    }
    return { ...results, sequential_score: this.mainScore(scores) };
  }
}
