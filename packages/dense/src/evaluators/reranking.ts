import {
  checkOptions,
  EngineError,
  type EvaluateOptions,
  type OptionNames,
  type PackedVectors,
  prefixedKey,
  prefixedKeys,
  reciprocalRank,
  type ScoreFunction,
  type SentenceEvaluator,
  type SimilarityFunctionName,
  similarityFunction,
  tensorScope,
  tiedAveragePrecision,
  tiedNdcg,
  vectorsTensor,
} from "@ettin/core";
import { type EmbeddingModel, type EncodingOptions, embed } from "./embedding-model.ts";
import { givenOptions, nameSuffix, report } from "./report.ts";

const WHERE = "RerankingEvaluator";

export interface RerankingSample {
  readonly query: string;
  readonly positive: readonly string[];
  readonly negative: readonly string[];
}

export interface RerankingEvaluatorOptions extends EncodingOptions {
  /** Those without positives or without negatives are left out. */
  samples: readonly RerankingSample[];
  /** Ranks that MRR and nDCG look at. @default 10 */
  atK?: number;
  /** Before the metrics' names, and in the file's. @default "" */
  name?: string;
  /** @default "cosine", whatever the model's is */
  similarityFct?: SimilarityFunctionName | ScoreFunction;
  /** @default 64 */
  batchSize?: number;
  /** Whether a line is added to "RerankingEvaluator_<name>_results_@<k>.csv". @default true */
  writeCsv?: boolean;
}

const OPTIONS: OptionNames<RerankingEvaluatorOptions> = {
  samples: true,
  atK: true,
  similarityFct: true,
  name: true,
  batchSize: true,
  truncateDim: true,
  writeCsv: true,
};

/** How well each query's positives rank among its positives and negatives: "map", "mrr@10", "ndcg@10". */
export class RerankingEvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  readonly primaryMetric: string;
  private readonly atK: number;
  private readonly samples: readonly RerankingSample[];
  private readonly options: RerankingEvaluatorOptions;

  constructor(options: RerankingEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { samples, atK = 10, name = "" } = options;
    if (!Array.isArray(samples))
      throw new EngineError(WHERE, "samples is no list", "Give { query, positive, negative } each.");
    for (const [i, { query, positive, negative }] of samples.entries()) {
      if (typeof query === "string" && Array.isArray(positive) && Array.isArray(negative)) continue;
      throw new EngineError(
        WHERE,
        `sample ${i} is not { query, positive, negative }`,
        "Give a text and two lists of texts.",
      );
    }
    this.samples = samples.filter(({ positive, negative }) => positive.length > 0 && negative.length > 0);
    if (this.samples.length === 0) {
      throw new EngineError(
        WHERE,
        `none of ${samples.length} samples has positives and negatives`,
        "Give both to some.",
      );
    }
    if (!Number.isSafeInteger(atK) || atK < 1)
      throw new EngineError(WHERE, `atK is ${atK}`, "Use a whole number from 1 on.");
    this.name = name;
    this.atK = atK;
    this.primaryMetric = prefixedKey(name, `ndcg@${atK}`);
    this.options = options;
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { samples, atK } = this;
    const { batchSize = 64, truncateDim, writeCsv = true } = this.options;
    const encoding = { batchSize, truncateDim, signal: options.signal };
    const queries = await embed(
      WHERE,
      model,
      "encodeQuery",
      samples.map(({ query }) => query),
      encoding,
    );
    const texts = samples.flatMap(({ positive, negative }) => [...positive, ...negative]);
    const documents = await embed(WHERE, model, "encodeDocument", texts, encoding);
    let [map, mrr, ndcg] = [0, 0, 0];
    for (const [i, { scores, relevance }] of (await this.score(queries, documents)).entries()) {
      const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!);
      const hits = order.map((document) => relevance[document] === 1);
      map += (tiedAveragePrecision(relevance, scores) - map) / (i + 1);
      mrr += (reciprocalRank(hits, atK) - mrr) / (i + 1);
      ndcg += (tiedNdcg(relevance, scores, atK) - ndcg) / (i + 1);
    }
    const metrics = { map, [`mrr@${atK}`]: mrr, [`ndcg@${atK}`]: ndcg };
    const file = `RerankingEvaluator${nameSuffix(this.name)}_results_@${atK}.csv`;
    const csv = writeCsv ? { file, headers: ["MAP", `MRR@${atK}`, `NDCG@${atK}`], values: [map, mrr, ndcg] } : null;
    return report(this, model, { metrics, csv }, options);
  }

  metricNames(): string[] {
    return prefixedKeys(this.name, ["map", `mrr@${this.atK}`, `ndcg@${this.atK}`]);
  }

  config(): Record<string, unknown> {
    const { atK, truncateDim } = this.options;
    return givenOptions({ atK, truncateDim });
  }

  /** Scores of each sample's documents, positives first. */
  private async score(queries: PackedVectors, documents: PackedVectors) {
    const { similarityFct = "cosine" } = this.options;
    const compare = typeof similarityFct === "function" ? similarityFct : similarityFunction(similarityFct).matrix;
    let first = 0;
    const reads = this.samples.map(({ positive, negative }, i) => {
      const end = first + positive.length + negative.length;
      const made = tensorScope(() => compare(vectorsTensor(queries, i, i + 1), vectorsTensor(documents, first, end)));
      const reading = made.data() as Promise<Float32Array>;
      made.dispose();
      const relevance = Uint8Array.from({ length: end - first }, (_, j) => Number(j < positive.length));
      first = end;
      return reading.then((scores) => ({ scores, relevance }));
    });
    return Promise.all(reads);
  }
}
