/** What an evaluator is told. */
export interface EvaluateOptions {
  /** A folder for the evaluator's files (CSV, predictions); made where it is not there. @default no files */
  outputPath?: string;
  /** For the files: the epoch of the training; -1 outside of one. @default -1 */
  epoch?: number;
  /** For the files: the step of the training; -1 outside of one. @default -1 */
  steps?: number;
  signal?: AbortSignal;
}

/** What an evaluation found, for a model's card. */
export interface EvaluationFacts {
  /** The evaluator's class, such as "TripletEvaluator". */
  readonly evaluator: string;
  /** For people: "Triplet". */
  readonly description: string;
  /** Of the data; "" where it has none. */
  readonly name: string;
  readonly primaryMetric: string | null;
  /** With the evaluator's name before theirs. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Options that change the numbers, where they are not the defaults. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Of the training; -1 outside of one. */
  readonly epoch: number;
  /** Of the training; -1 outside of one. */
  readonly steps: number;
}

/**
 * Measures a model on data of its own. Metrics carry the evaluator's name before theirs: "dev_cosine_accuracy".
 */
export interface SentenceEvaluator<Model = never> {
  /** Of the data, before each metric's name; "" for none. */
  readonly name: string;
  /** The metric that a run chooses its best step by, name included; null until it is known: after an evaluation. */
  readonly primaryMetric: string | null;
  readonly greaterIsBetter: boolean;
  /**
   * The metrics that `evaluate` will give, as named there, so that a run that cannot choose by its metric ends before its
   * first step; null where they are not known before.
   *
   * @default not known
   */
  metricNames?(model: Model): readonly string[] | null;
  evaluate(model: Model, options?: EvaluateOptions): Promise<Record<string, number>>;
  /** For a model's card: options that change the numbers. */
  config?(): Record<string, unknown>;
}
