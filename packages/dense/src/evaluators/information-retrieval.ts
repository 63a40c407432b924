import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  checkOptions,
  DocumentRanking,
  EngineError,
  type EvaluateOptions,
  type OptionNames,
  prefixed,
  prefixedKey,
  prefixedKeys,
  type RankingCuts,
  type RetrievalData,
  RetrievalTask,
  rankingColumns,
  rankingCuts,
  rankingMetrics,
  type SentenceEvaluator,
} from "@ettin/core";
import { type EmbeddingModel, type EncodingOptions, embed } from "./embedding-model.ts";
import { givenOptions, nameSuffix, report } from "./report.ts";
import { bestByNdcg, type NamedScores, namedScores, type ScoreFunctions, sortedNames } from "./score-functions.ts";

const WHERE = "InformationRetrievalEvaluator";

/** How retrieval is measured, whatever the data. */
export interface RetrievalOptions extends RankingCuts, EncodingOptions {
  /** @default the similarity of the model */
  scoreFunctions?: ScoreFunctions;
  /** The one that `primaryMetric` names. @default the best one of the first evaluation */
  mainScoreFunction?: string;
  /** @default 32 */
  batchSize?: number;
  /** Whether a line is added to "Information-Retrieval_evaluation_<name>_results.csv". @default true */
  writeCsv?: boolean;
  /** Whether the documents found are written, with their scores, to "…_predictions_<function>.jsonl". @default false */
  writePredictions?: boolean;
}

export interface InformationRetrievalEvaluatorOptions extends RetrievalOptions, RetrievalData {
  /** Before the metrics' names, and in the files'. @default "" */
  name?: string;
  /** Documents that are encoded and ranked at once: what bounds the memory. @default 50000 */
  corpusChunkSize?: number;
  /** In place of the model's. */
  queryPrompt?: string;
  queryPromptName?: string;
  /** In place of the model's. */
  corpusPrompt?: string;
  corpusPromptName?: string;
}

/** Names of how retrieval is measured. */
export const RETRIEVAL_OPTIONS: OptionNames<RetrievalOptions> = {
  scoreFunctions: true,
  mainScoreFunction: true,
  batchSize: true,
  truncateDim: true,
  writeCsv: true,
  writePredictions: true,
  accuracyAtK: true,
  precisionRecallAtK: true,
  mrrAtK: true,
  ndcgAtK: true,
  mapAtK: true,
};

const OPTIONS: OptionNames<InformationRetrievalEvaluatorOptions> = {
  ...RETRIEVAL_OPTIONS,
  queries: true,
  corpus: true,
  relevantDocs: true,
  name: true,
  corpusChunkSize: true,
  queryPrompt: true,
  queryPromptName: true,
  corpusPrompt: true,
  corpusPromptName: true,
};

/**
 * How well a model finds the documents of queries: "cosine_ndcg@10", accuracy, precision, recall, MRR and MAP. Documents
 * of equal scores rank by their ids, ascending. Queries without a relevant document are left out.
 */
export class InformationRetrievalEvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  primaryMetric: string | null = null;
  private readonly task: RetrievalTask;
  private readonly scores: NamedScores | null;
  private readonly options: InformationRetrievalEvaluatorOptions;

  constructor(options: InformationRetrievalEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { scoreFunctions, corpusChunkSize = 50_000, name = "" } = options;
    rankingCuts(WHERE, options);
    if (!Number.isSafeInteger(corpusChunkSize) || corpusChunkSize < 1) {
      throw new EngineError(WHERE, `corpusChunkSize is ${corpusChunkSize}`, "Use a whole number from 1 on.");
    }
    this.scores = scoreFunctions ? namedScores(WHERE, scoreFunctions, options.mainScoreFunction) : null;
    this.task = new RetrievalTask(WHERE, options);
    this.name = name;
    this.options = options;
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { writeCsv = true, mainScoreFunction } = this.options;
    const scores = this.scoresOf(model);
    const rankings = await this.rank(model, scores, options);
    const metrics: Record<string, number> = {};
    for (const [name, { top }] of rankings) {
      Object.assign(metrics, prefixed(name, rankingMetrics(this.task.rankings(top), this.options)));
    }
    if (options.outputPath !== undefined && this.options.writePredictions) {
      await this.writePredictions(rankings, options.outputPath);
    }
    const largest = Math.max(...rankingCuts(WHERE, this.options).ndcgAtK);
    const main = mainScoreFunction ?? bestByNdcg(sortedNames(scores), metrics, largest);
    this.primaryMetric ??= prefixedKey(this.name, `${main}_ndcg@${largest}`);
    const columns = rankingColumns(WHERE, sortedNames(scores), this.options);
    const file = `Information-Retrieval_evaluation${nameSuffix(this.name)}_results.csv`;
    const values = columns.metrics.map((metric) => metrics[metric]!);
    const csv = writeCsv ? { file, headers: columns.headers, values } : null;
    return report(this, model, { metrics, csv }, options);
  }

  metricNames(model: EmbeddingModel): string[] {
    const scores = this.scoresOf(model);
    return prefixedKeys(this.name, rankingColumns(WHERE, sortedNames(scores), this.options).metrics);
  }

  config(): Record<string, unknown> {
    const { truncateDim, queryPrompt, queryPromptName, corpusPrompt, corpusPromptName } = this.options;
    return givenOptions({ truncateDim, queryPrompt, queryPromptName, corpusPrompt, corpusPromptName });
  }

  private scoresOf(model: EmbeddingModel): NamedScores {
    return this.scores ?? namedScores(WHERE, [model.similarityFnName], this.options.mainScoreFunction);
  }

  /** The best documents by each function; the corpus is encoded a chunk at a time. */
  private async rank(
    model: EmbeddingModel,
    scores: NamedScores,
    { signal }: EvaluateOptions,
  ): Promise<Map<string, DocumentRanking>> {
    const { queryPrompt, queryPromptName, corpusPrompt, corpusPromptName, ...options } = this.options;
    const { corpusChunkSize = 50_000, batchSize = 32, truncateDim } = options;
    const { queries, corpus } = this.task;
    const encoding = { batchSize, truncateDim, signal };
    const queryVectors = await embed(WHERE, model, "encodeQuery", queries, {
      ...encoding,
      prompt: queryPrompt,
      promptName: queryPromptName,
    });
    const { largest } = rankingCuts(WHERE, this.options);
    const rankings = new Map(
      [...scores].map(([name, score]) => [name, new DocumentRanking(queryVectors, score, largest)]),
    );
    for (let first = 0; first < corpus.length; first += corpusChunkSize) {
      signal?.throwIfAborted();
      const documents = await embed(WHERE, model, "encodeDocument", corpus.slice(first, first + corpusChunkSize), {
        ...encoding,
        prompt: corpusPrompt,
        promptName: corpusPromptName,
      });
      for (const ranking of rankings.values()) await ranking.add(documents);
    }
    return rankings;
  }

  private async writePredictions(rankings: ReadonlyMap<string, DocumentRanking>, folder: string): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const [name, { top }] of rankings) {
      const file = `Information-Retrieval_evaluation${nameSuffix(this.name)}_predictions_${name}.jsonl`;
      await writeFile(join(folder, file), this.task.predictions(top));
    }
  }
}
