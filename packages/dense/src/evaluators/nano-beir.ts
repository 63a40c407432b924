import {
  checkOptions,
  EngineError,
  type EvaluateOptions,
  type HubOptions,
  loadDataset,
  nearestName,
  type OptionNames,
  prefixedKey,
  prefixedKeys,
  type Row,
  rankingColumns,
  rankingCuts,
  requireColumns,
  type SentenceEvaluator,
} from "@ettin/core";
import type { EmbeddingModel } from "./embedding-model.ts";
import { InformationRetrievalEvaluator, RETRIEVAL_OPTIONS, type RetrievalOptions } from "./information-retrieval.ts";
import { givenOptions, report } from "./report.ts";
import { bestByNdcg, namedScores, sortedNames } from "./score-functions.ts";

const WHERE = "NanoBEIREvaluator";

/** Names as they are given, in lower case, and as they are in the data. */
const SETS: Readonly<Record<string, string>> = {
  climatefever: "ClimateFEVER",
  dbpedia: "DBPedia",
  fever: "FEVER",
  fiqa2018: "FiQA2018",
  hotpotqa: "HotpotQA",
  msmarco: "MSMARCO",
  nfcorpus: "NFCorpus",
  nq: "NQ",
  quoraretrieval: "QuoraRetrieval",
  scidocs: "SCIDOCS",
  arguana: "ArguAna",
  scifact: "SciFact",
  touche2020: "Touche2020",
};

export interface NanoBEIREvaluatorOptions extends RetrievalOptions {
  /** Such as "msmarco", "nq". @default all 13 */
  datasetNames?: readonly string[];
  /**
   * A folder, or a dataset of the hub, with the parts "corpus" (`_id`, `text`), "queries" (`_id`, `text`) and "qrels"
   * (`query-id`, `corpus-id`) and a split for each set: "NanoMSMARCO".
   *
   * @default "sentence-transformers/NanoBEIR-en"
   */
  datasetId?: string;
  /** Before all queries, or by name in `datasetNames`. @default the model's */
  queryPrompts?: string | Readonly<Record<string, string>>;
  /** Before all documents, or by name in `datasetNames`. @default the model's */
  corpusPrompts?: string | Readonly<Record<string, string>>;
  /** One number of those of the sets. @default their mean */
  aggregateFn?: (values: readonly number[]) => number;
  /** In the names of the aggregated metrics. @default "mean" */
  aggregateKey?: string;
  /** How the data is got from the hub. */
  hub?: Pick<HubOptions, "token" | "revision" | "cacheDir" | "localFilesOnly">;
}

const OPTIONS: OptionNames<NanoBEIREvaluatorOptions> = {
  ...RETRIEVAL_OPTIONS,
  datasetNames: true,
  datasetId: true,
  queryPrompts: true,
  corpusPrompts: true,
  aggregateFn: true,
  aggregateKey: true,
  hub: true,
};

/**
 * Retrieval on small versions of 13 BEIR sets: "NanoMSMARCO_cosine_ndcg@10" … of each, and "NanoBEIR_mean_cosine_ndcg@10" …
 * of all. The data is read at the first evaluation.
 */
export class NanoBEIREvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  primaryMetric: string | null = null;
  private readonly options: NanoBEIREvaluatorOptions;
  private readonly names: readonly string[];
  private evaluators: readonly InformationRetrievalEvaluator[] | null = null;

  constructor(options: NanoBEIREvaluatorOptions = {}) {
    checkOptions(WHERE, options, OPTIONS);
    const { datasetNames = Object.keys(SETS), aggregateKey = "mean", truncateDim, scoreFunctions } = options;
    if (datasetNames.length === 0) throw new EngineError(WHERE, "datasetNames is empty", "Leave it out for all sets.");
    const unknown = datasetNames.find((name) => !Object.hasOwn(SETS, name.toLowerCase()));
    if (unknown !== undefined) {
      const near = nearestName(unknown.toLowerCase(), Object.keys(SETS));
      throw new EngineError(
        WHERE,
        `there is no set "${unknown}"`,
        `Names are ${Object.keys(SETS).join(", ")}; the nearest is ${near}.`,
      );
    }
    for (const key of ["queryPrompts", "corpusPrompts"] as const) {
      const prompts = options[key];
      const missing =
        typeof prompts === "object" ? datasetNames.find((name) => !Object.hasOwn(prompts, name)) : undefined;
      if (missing !== undefined)
        throw new EngineError(WHERE, `${key} has none for ${missing}`, "Give each set its own.");
    }
    rankingCuts(WHERE, options);
    if (scoreFunctions) namedScores(WHERE, scoreFunctions, options.mainScoreFunction);
    this.name = `NanoBEIR_${aggregateKey}${truncateDim === undefined ? "" : `_${truncateDim}`}`;
    this.names = datasetNames;
    this.options = options;
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { aggregateKey = "mean", aggregateFn = mean, writeCsv = true, mainScoreFunction } = this.options;
    this.evaluators ??= await this.load(options);
    const results: Record<string, number> = {};
    const bySet: Record<string, number[]> = {};
    for (const evaluator of this.evaluators) {
      const found = await evaluator.evaluate(model, options);
      for (const [key, value] of Object.entries(found)) {
        results[key] = value;
        const metric = key.slice(evaluator.name.length + 1);
        bySet[metric] ??= [];
        bySet[metric].push(value);
      }
    }
    const metrics = Object.fromEntries(Object.entries(bySet).map(([metric, values]) => [metric, aggregateFn(values)]));
    const names = this.scoreNames(model);
    const largest = Math.max(...rankingCuts(WHERE, this.options).ndcgAtK);
    this.primaryMetric ??= prefixedKey(
      this.name,
      `${mainScoreFunction ?? bestByNdcg(names, metrics, largest)}_ndcg@${largest}`,
    );
    const columns = rankingColumns(WHERE, names, this.options);
    const values = columns.metrics.map((metric) => metrics[metric]!);
    const csv = writeCsv
      ? { file: `NanoBEIR_evaluation_${aggregateKey}_results.csv`, headers: columns.headers, values }
      : null;
    // The mean of one set is that set.
    const onCard = this.evaluators.length > 1;
    return { ...results, ...(await report(this, model, { metrics, csv, description: "Nano BEIR", onCard }, options)) };
  }

  metricNames(model: EmbeddingModel): string[] {
    const { truncateDim } = this.options;
    const { metrics } = rankingColumns(WHERE, this.scoreNames(model), this.options);
    const sets = this.names.map((name) => setName(name, truncateDim));
    return [...sets, this.name].flatMap((name) => prefixedKeys(name, metrics));
  }

  config(): Record<string, unknown> {
    const { datasetId = DATASET, truncateDim, queryPrompts, corpusPrompts } = this.options;
    return givenOptions({ datasetNames: this.names, datasetId, truncateDim, queryPrompts, corpusPrompts });
  }

  private scoreNames(model: EmbeddingModel): string[] {
    const { scoreFunctions = [model.similarityFnName], mainScoreFunction } = this.options;
    return sortedNames(namedScores(WHERE, scoreFunctions, mainScoreFunction));
  }

  private async load({ signal }: EvaluateOptions): Promise<InformationRetrievalEvaluator[]> {
    const { datasetNames: _, aggregateFn: __, aggregateKey: ___, ...rest } = this.options;
    const { datasetId = DATASET, queryPrompts, corpusPrompts, hub = {}, ...options } = rest;
    const { truncateDim } = options;
    const evaluators: InformationRetrievalEvaluator[] = [];
    for (const name of this.names) {
      const split = setName(name);
      const read = async (part: string, columns: readonly string[]): Promise<Iterable<Row>> => {
        const dataset = await loadDataset(datasetId, { ...hub, name: part, split, ...(signal && { signal }) });
        requireColumns(`${WHERE}: ${datasetId}, ${part}`, dataset, columns);
        return dataset;
      };
      const corpus = textsById(await read("corpus", ["_id", "text"]));
      const queries = textsById(await read("queries", ["_id", "text"]));
      const relevantDocs = relevantById(await read("qrels", ["query-id", "corpus-id"]));
      const [queryPrompt, corpusPrompt] = [promptFor(queryPrompts, name), promptFor(corpusPrompts, name)];
      evaluators.push(
        new InformationRetrievalEvaluator({
          ...options,
          queries,
          corpus,
          relevantDocs,
          name: setName(name, truncateDim),
          ...(queryPrompt !== undefined && { queryPrompt }),
          ...(corpusPrompt !== undefined && { corpusPrompt }),
        }),
      );
    }
    return evaluators;
  }
}

/** Such as "NanoMSMARCO", the name of its split, or "NanoMSMARCO_64", that of its metrics. */
const setName = (name: string, truncateDim?: number): string =>
  `Nano${SETS[name.toLowerCase()]}${truncateDim === undefined ? "" : `_${truncateDim}`}`;

const DATASET = "sentence-transformers/NanoBEIR-en";

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const promptFor = (prompts: NanoBEIREvaluatorOptions["queryPrompts"], name: string): string | undefined =>
  typeof prompts === "object" ? prompts[name] : prompts;

/** Without those that have no text. */
function textsById(rows: Iterable<Row>): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { _id: id, text } of rows) if (typeof text === "string" && text !== "") texts.set(String(id), text);
  return texts;
}

/** A row names one document, or a list of them. */
function relevantById(rows: Iterable<Row>): Map<string, Set<string>> {
  const relevant = new Map<string, Set<string>>();
  for (const row of rows) {
    const id = String(row["query-id"]);
    const documents = relevant.get(id) ?? new Set();
    for (const document of [row["corpus-id"]].flat()) documents.add(String(document));
    relevant.set(id, documents);
  }
  return relevant;
}
