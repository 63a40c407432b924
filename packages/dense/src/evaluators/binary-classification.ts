import {
  type BinaryMetrics,
  binaryMetrics,
  checkLabels,
  checkOptions,
  type EvaluateOptions,
  type OptionNames,
  type PackedVectors,
  pairScores,
  prefixedKey,
  prefixedKeys,
  type SentenceEvaluator,
  type SimilarityFunctionName,
} from "@ettin/core";
import {
  checkSameLength,
  checkSimilarities,
  type EmbeddingModel,
  type EncodingOptions,
  embed,
} from "./embedding-model.ts";
import { givenOptions, nameSuffix, report } from "./report.ts";

const WHERE = "BinaryClassificationEvaluator";

/** In the order of the file's columns. */
const COLUMNS: readonly (keyof BinaryMetrics)[] = [
  "accuracy",
  "accuracy_threshold",
  "f1",
  "precision",
  "recall",
  "f1_threshold",
  "ap",
  "mcc",
];

export interface BinaryClassificationEvaluatorOptions extends EncodingOptions {
  sentences1: readonly string[];
  sentences2: readonly string[];
  /** 1 or true where the two are alike, else 0 or false; both occur. */
  labels: readonly (number | boolean)[];
  /** Before the metrics' names, and in the file's. @default "" */
  name?: string;
  /** @default that of the model */
  similarityFnNames?: readonly SimilarityFunctionName[];
  /** @default 32 */
  batchSize?: number;
  /** Whether a line is added to "binary_classification_evaluation_<name>_results.csv". @default true */
  writeCsv?: boolean;
}

const OPTIONS: OptionNames<BinaryClassificationEvaluatorOptions> = {
  sentences1: true,
  sentences2: true,
  labels: true,
  similarityFnNames: true,
  name: true,
  batchSize: true,
  truncateDim: true,
  writeCsv: true,
};

/**
 * How well a threshold on the similarity tells pairs that are alike from those that are not: "cosine_ap",
 * "cosine_accuracy", "cosine_f1", … at the best thresholds. Of Euclidean and city-block similarity the thresholds are
 * distances.
 */
export class BinaryClassificationEvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  primaryMetric: string | null = null;
  private readonly labels: readonly number[];
  private readonly options: BinaryClassificationEvaluatorOptions;

  constructor(options: BinaryClassificationEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { sentences1, sentences2, labels } = options;
    checkSameLength(WHERE, { sentences1, sentences2, labels });
    this.labels = Array.from(labels, (label) => (typeof label === "boolean" ? Number(label) : label));
    checkLabels(WHERE, this.labels);
    checkSimilarities(WHERE, options.similarityFnNames);
    this.name = options.name ?? "";
    this.options = options;
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { labels } = this;
    const { writeCsv = true } = this.options;
    const [a, b] = await this.embedPairs(model, options);
    const names = this.options.similarityFnNames ?? [model.similarityFnName];
    const found = new Map<string, BinaryMetrics>();
    for (const name of names) {
      const scores = await pairScores(name, a, b);
      const isDistance = name === "manhattan" || name === "euclidean";
      found.set(
        name,
        isDistance
          ? binaryMetrics(
              scores.map((score) => -score),
              labels,
              { greaterIsBetter: false },
            )
          : binaryMetrics(scores, labels),
      );
    }
    const metrics: Record<string, number> = {};
    for (const [name, each] of found) {
      for (const [metric, value] of Object.entries(each)) metrics[`${name}_${metric}`] = value;
    }
    if (names.length > 1) {
      const all = [...found.values()];
      for (const metric of Object.keys(all[0]!) as (keyof BinaryMetrics)[]) {
        metrics[`max_${metric}`] = Math.max(...all.map((each) => each[metric]));
      }
    }
    this.primaryMetric = prefixedKey(this.name, `${names.length > 1 ? "max" : names[0]!}_ap`);
    const file = `binary_classification_evaluation${nameSuffix(this.name)}_results.csv`;
    const headers = names.flatMap((name) => COLUMNS.map((metric) => `${name}_${metric}`));
    const csv = writeCsv ? { file, headers, values: headers.map((header) => metrics[header]!) } : null;
    return report(this, model, { metrics, csv }, options);
  }

  metricNames(model: EmbeddingModel): string[] {
    const names = this.options.similarityFnNames ?? [model.similarityFnName];
    const all = [...names, ...(names.length > 1 ? ["max"] : [])];
    return prefixedKeys(
      this.name,
      all.flatMap((name) => COLUMNS.map((metric) => `${name}_${metric}`)),
    );
  }

  config(): Record<string, unknown> {
    return givenOptions({ truncateDim: this.options.truncateDim });
  }

  /** A text that occurs more than once is encoded once. */
  private async embedPairs(
    model: EmbeddingModel,
    { signal }: EvaluateOptions,
  ): Promise<[PackedVectors, PackedVectors]> {
    const { sentences1, sentences2, batchSize = 32, truncateDim } = this.options;
    const places = new Map<string, number>();
    for (const text of [...sentences1, ...sentences2]) if (!places.has(text)) places.set(text, places.size);
    const encoding = { batchSize, truncateDim, signal };
    const { data, dim } = await embed(WHERE, model, "encode", [...places.keys()], encoding);
    const side = (texts: readonly string[]): PackedVectors => {
      const rows = new Float32Array(texts.length * dim);
      texts.forEach((text, i) => {
        const row = places.get(text)! * dim;
        rows.set(data.subarray(row, row + dim), i * dim);
      });
      return { data: rows, rows: texts.length, dim };
    };
    return [side(sentences1), side(sentences2)];
  }
}
