import {
  checkOptions,
  EngineError,
  type EvaluateOptions,
  type OptionNames,
  pairScores,
  prefixedKey,
  prefixedKeys,
  type SentenceEvaluator,
  type SimilarityFunctionName,
} from "@ettin/core";
import {
  checkMain,
  checkSameLength,
  checkSimilarities,
  type EmbeddingModel,
  type EncodingOptions,
  embed,
} from "./embedding-model.ts";
import { givenOptions, nameSuffix, report } from "./report.ts";

const WHERE = "TripletEvaluator";
const NAMES: readonly SimilarityFunctionName[] = ["cosine", "dot", "manhattan", "euclidean"];

export interface TripletEvaluatorOptions extends EncodingOptions {
  anchors: readonly string[];
  positives: readonly string[];
  negatives: readonly string[];
  /** Before the metrics' names, and in the file's. @default "" */
  name?: string;
  /** @default that of the model */
  similarityFnNames?: readonly SimilarityFunctionName[];
  /** The one that `primaryMetric` names. @default the only one, else the maximum */
  mainSimilarityFunction?: SimilarityFunctionName;
  /** By how much the positive has to be more similar than the negative; a number for all similarities. @default 0 */
  margin?: number | Partial<Record<SimilarityFunctionName, number>>;
  /** @default 16 */
  batchSize?: number;
  /** Whether a line is added to "triplet_evaluation_<name>_results.csv". @default true */
  writeCsv?: boolean;
}

const OPTIONS: OptionNames<TripletEvaluatorOptions> = {
  anchors: true,
  positives: true,
  negatives: true,
  similarityFnNames: true,
  mainSimilarityFunction: true,
  margin: true,
  name: true,
  batchSize: true,
  truncateDim: true,
  writeCsv: true,
};

/**
 * The share of triplets whose anchor is more similar to the positive than to the negative, by more than the margin:
 * "cosine_accuracy". Anchors are encoded as queries, the others as documents.
 */
export class TripletEvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  primaryMetric: string | null = null;
  private readonly options: TripletEvaluatorOptions;

  constructor(options: TripletEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { anchors, positives, negatives, similarityFnNames, margin = 0 } = options;
    checkSameLength(WHERE, { anchors, positives, negatives });
    checkSimilarities(WHERE, similarityFnNames);
    const unknown = (typeof margin === "number" ? [] : Object.keys(margin)).find(
      (name) => !NAMES.includes(name as SimilarityFunctionName),
    );
    if (unknown !== undefined) {
      throw new EngineError(WHERE, `there is no similarity "${unknown}"`, `Names are ${NAMES.join(", ")}.`);
    }
    this.name = options.name ?? "";
    this.options = options;
    this.checkMain(similarityFnNames);
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { anchors, positives, negatives, batchSize = 16, truncateDim, writeCsv = true } = this.options;
    const names = this.namesFor(model);
    const encoding = { batchSize, truncateDim, signal: options.signal };
    const a = await embed(WHERE, model, "encodeQuery", anchors, encoding);
    const p = await embed(WHERE, model, "encodeDocument", positives, encoding);
    const n = await embed(WHERE, model, "encodeDocument", negatives, encoding);
    const metrics: Record<string, number> = {};
    for (const name of names) {
      const [near, far] = [await pairScores(name, a, p), await pairScores(name, a, n)];
      const margin = Math.fround(this.marginOf(name));
      let right = 0;
      for (let i = 0; i < near.length; i++) if (near[i]! > Math.fround(far[i]! + margin)) right++;
      metrics[`${name}_accuracy`] = right / near.length;
    }
    const values = Object.values(metrics);
    if (names.length > 1) metrics.max_accuracy = Math.max(...values);
    const main = this.options.mainSimilarityFunction ?? (names.length > 1 ? "max" : names[0]!);
    this.primaryMetric = prefixedKey(this.name, `${main}_accuracy`);
    const file = `triplet_evaluation${nameSuffix(this.name)}_results.csv`;
    const csv = writeCsv ? { file, headers: names.map((name) => `accuracy_${name}`), values } : null;
    return report(this, model, { metrics, csv }, options);
  }

  metricNames(model: EmbeddingModel): string[] {
    const names = this.namesFor(model);
    const all = [...names, ...(names.length > 1 ? ["max"] : [])];
    return prefixedKeys(
      this.name,
      all.map((name) => `${name}_accuracy`),
    );
  }

  config(): Record<string, unknown> {
    const { margin, truncateDim } = this.options;
    return givenOptions({ margin: margin === 0 ? undefined : margin, truncateDim });
  }

  private namesFor(model: EmbeddingModel): readonly SimilarityFunctionName[] {
    const names = this.options.similarityFnNames ?? [model.similarityFnName];
    this.checkMain(names);
    return names;
  }

  private checkMain(names: readonly SimilarityFunctionName[] | undefined): void {
    const { mainSimilarityFunction } = this.options;
    checkMain(WHERE, ["mainSimilarityFunction", mainSimilarityFunction], ["similarityFnNames", names]);
  }

  private marginOf(name: SimilarityFunctionName): number {
    const { margin = 0 } = this.options;
    return typeof margin === "number" ? margin : (margin[name] ?? 0);
  }
}
