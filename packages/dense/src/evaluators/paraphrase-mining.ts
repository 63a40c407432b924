import {
  checkOptions,
  duplicateMetrics,
  EngineError,
  type EvaluateOptions,
  type OptionNames,
  paraphraseMiningEmbeddings,
  prefixedKey,
  prefixedKeys,
  type SentenceEvaluator,
} from "@ettin/core";
import { DuplicatePairs } from "./duplicate-pairs.ts";
import { type EmbeddingModel, type EncodingOptions, embed } from "./embedding-model.ts";
import { givenOptions, nameSuffix, report } from "./report.ts";

const WHERE = "ParaphraseMiningEvaluator";

export interface ParaphraseMiningEvaluatorOptions extends EncodingOptions {
  /** Texts by id. */
  sentencesMap: Readonly<Record<string, string>> | ReadonlyMap<string, string>;
  /** Ids of texts that mean the same. Pairs with an id that is not in `sentencesMap` are left out; none left is an error. */
  duplicatesList?: readonly (readonly [string, string])[];
  /** The same as `{ id: { id: true } }`; duplicates of duplicates are found through other ids, too. */
  duplicatesDict?: Readonly<Record<string, Readonly<Record<string, boolean>>>>;
  /** Whether duplicates of duplicates are duplicates. @default false */
  addTransitiveClosure?: boolean;
  /** Texts whose neighbours are looked for together. @default 5000 */
  queryChunkSize?: number;
  /** Texts among which they are looked for at once. @default 100000 */
  corpusChunkSize?: number;
  /** The most pairs that are kept. @default 500000 */
  maxPairs?: number;
  /** Neighbours of each text. @default 100 */
  topK?: number;
  /** Before the metrics' names, and in the file's. @default "" */
  name?: string;
  /** @default 16 */
  batchSize?: number;
  /** Whether a line is added to "paraphrase_mining_evaluation_<name>_results.csv". @default true */
  writeCsv?: boolean;
}

const OPTIONS: OptionNames<ParaphraseMiningEvaluatorOptions> = {
  sentencesMap: true,
  duplicatesList: true,
  duplicatesDict: true,
  addTransitiveClosure: true,
  queryChunkSize: true,
  corpusChunkSize: true,
  maxPairs: true,
  topK: true,
  name: true,
  batchSize: true,
  truncateDim: true,
  writeCsv: true,
};

/**
 * How well the most similar pairs of many texts (cosine) are those that mean the same: "average_precision", and "f1",
 * "precision", "recall" at the best "threshold".
 */
export class ParaphraseMiningEvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  readonly primaryMetric: string;
  private readonly ids: readonly string[];
  private readonly sentences: readonly string[];
  private readonly duplicates: DuplicatePairs;
  private readonly options: ParaphraseMiningEvaluatorOptions;

  constructor(options: ParaphraseMiningEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { sentencesMap, duplicatesList = [], duplicatesDict = {}, addTransitiveClosure = false } = options;
    const sentences = new Map(
      sentencesMap instanceof Map
        ? (sentencesMap as ReadonlyMap<string, string>)
        : Object.entries(sentencesMap as Readonly<Record<string, string>>),
    );
    if (sentences.size < 2) throw new EngineError(WHERE, `there are ${sentences.size} sentences`, "Give two or more.");
    this.duplicates = new DuplicatePairs(sentences);
    for (const [first, second] of duplicatesList) {
      if (sentences.has(first) && sentences.has(second)) this.duplicates.add(first, second);
    }
    const listed = Object.entries(duplicatesDict).flatMap(([first, others]) =>
      Object.keys(others).flatMap((second) => (others[second] ? [[first, second] as const] : [])),
    );
    for (const [first, second] of listed) this.duplicates.add(first, second);
    if (addTransitiveClosure) this.duplicates.close();
    const given = duplicatesList[0] ?? listed[0];
    if (given && this.duplicates.size === 0) {
      const [known] = sentences.keys();
      throw new EngineError(
        WHERE,
        `no pair of duplicates has both its ids in sentencesMap: of ${JSON.stringify(given)} at least one is not, and ` +
          `sentencesMap has ${JSON.stringify(known)}`,
        "Give duplicates the ids of sentencesMap.",
      );
    }
    this.ids = [...sentences.keys()];
    this.sentences = [...sentences.values()];
    this.name = options.name ?? "";
    this.primaryMetric = prefixedKey(this.name, "average_precision");
    this.options = options;
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { batchSize = 16, truncateDim, writeCsv = true } = this.options;
    const { queryChunkSize, corpusChunkSize, maxPairs, topK } = this.options;
    const { signal } = options;
    const { data, dim, rows } = await embed(WHERE, model, "encode", this.sentences, { batchSize, truncateDim, signal });
    const vectors = Array.from({ length: rows }, (_, i) => data.subarray(i * dim, (i + 1) * dim));
    const limits = givenOptions({ queryChunkSize, corpusChunkSize, maxPairs, topK, signal });
    const pairs = await paraphraseMiningEmbeddings(vectors, limits);
    const { ids, duplicates } = this;
    const found = duplicateMetrics(
      Float64Array.from(pairs, ([score]) => score),
      (pair) => duplicates.has(ids[pairs[pair]![1]]!, ids[pairs[pair]![2]]!),
      duplicates.size,
    );
    const { average_precision, f1, precision, recall, threshold } = found;
    const file = `paraphrase_mining_evaluation${nameSuffix(this.name)}_results.csv`;
    const headers = ["precision", "recall", "f1", "threshold", "average_precision"];
    const csv = writeCsv ? { file, headers, values: [precision, recall, f1, threshold, average_precision] } : null;
    return report(this, model, { metrics: { ...found }, csv }, options);
  }

  metricNames(): string[] {
    return prefixedKeys(this.name, ["average_precision", "f1", "precision", "recall", "threshold"]);
  }

  config(): Record<string, unknown> {
    const { addTransitiveClosure = false, maxPairs = 500_000, topK = 100, truncateDim } = this.options;
    return givenOptions({ addTransitiveClosure, maxPairs, topK, truncateDim });
  }
}
