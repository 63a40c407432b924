import {
  checkOptions,
  EngineError,
  type EvaluateOptions,
  type OptionNames,
  type PackedVectors,
  pairScores,
  pearson,
  prefixedKey,
  prefixedKeys,
  type SentenceEvaluator,
  type SimilarityFunctionName,
  spearman,
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

const WHERE = "EmbeddingSimilarityEvaluator";

export interface EmbeddingSimilarityEvaluatorOptions extends EncodingOptions {
  sentences1: readonly string[];
  sentences2: readonly string[];
  /** How similar each pair is, in whatever unit. */
  scores: readonly number[];
  /** Before the metrics' names, and in the file's. @default "" */
  name?: string;
  /** @default `mainSimilarity`, else that of the model */
  similarityFnNames?: readonly SimilarityFunctionName[];
  /** The one that `primaryMetric` names. @default the only one, else the maximum */
  mainSimilarity?: SimilarityFunctionName;
  /** Compares quantized embeddings, which are normalized before; bits are compared as numbers 0 and 1. @default none */
  precision?: "float32" | "int8" | "uint8" | "binary" | "ubinary";
  /** @default 16 */
  batchSize?: number;
  /** Whether a line is added to "similarity_evaluation_<name>_results.csv". @default true */
  writeCsv?: boolean;
}

const OPTIONS: OptionNames<EmbeddingSimilarityEvaluatorOptions> = {
  sentences1: true,
  sentences2: true,
  scores: true,
  similarityFnNames: true,
  mainSimilarity: true,
  precision: true,
  name: true,
  batchSize: true,
  truncateDim: true,
  writeCsv: true,
};

/**
 * How well the similarities of pairs follow the scores that people gave: "pearson_cosine", "spearman_cosine". Distances
 * count as negative similarities.
 */
export class EmbeddingSimilarityEvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  primaryMetric: string | null = null;
  private readonly options: EmbeddingSimilarityEvaluatorOptions;

  constructor(options: EmbeddingSimilarityEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { sentences1, sentences2, scores } = options;
    checkSameLength(WHERE, { sentences1, sentences2, scores });
    const { mainSimilarity, similarityFnNames } = options;
    checkSimilarities(WHERE, similarityFnNames);
    checkMain(WHERE, ["mainSimilarity", mainSimilarity], ["similarityFnNames", similarityFnNames]);
    if (!scores.every(Number.isFinite) || scores.every((score) => score === scores[0])) {
      throw new EngineError(
        WHERE,
        `the ${scores.length} scores are all the same, or not finite`,
        "Give scores that differ.",
      );
    }
    this.name = options.name ?? "";
    this.options = options;
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { sentences1, sentences2, scores, mainSimilarity, writeCsv = true } = this.options;
    const [a, b] = [await this.embed(model, sentences1, options), await this.embed(model, sentences2, options)];
    const names = this.options.similarityFnNames ?? [mainSimilarity ?? model.similarityFnName];
    const metrics: Record<string, number> = {};
    for (const name of names) {
      const found = await pairScores(name, a, b);
      metrics[`pearson_${name}`] = pearson(scores, found);
      metrics[`spearman_${name}`] = spearman(scores, found);
    }
    const values = Object.values(metrics);
    if (names.length > 1) {
      metrics.pearson_max = largest(names.map((name) => metrics[`pearson_${name}`]!));
      metrics.spearman_max = largest(names.map((name) => metrics[`spearman_${name}`]!));
    }
    const main = mainSimilarity ?? (names.length > 1 ? "max" : names[0]!);
    this.primaryMetric = prefixedKey(this.name, `spearman_${main}`);
    const { precision } = this.options;
    const file = `similarity_evaluation${nameSuffix(this.name)}${nameSuffix(precision ?? "")}_results.csv`;
    const headers = names.flatMap((name) => [`${name}_pearson`, `${name}_spearman`]);
    const csv = writeCsv ? { file, headers, values } : null;
    return report(this, model, { metrics, csv, description: "Semantic Similarity" }, options);
  }

  metricNames(model: EmbeddingModel): string[] {
    const names = this.options.similarityFnNames ?? [this.options.mainSimilarity ?? model.similarityFnName];
    const all = [...names, ...(names.length > 1 ? ["max"] : [])];
    return prefixedKeys(
      this.name,
      all.flatMap((name) => [`pearson_${name}`, `spearman_${name}`]),
    );
  }

  config(): Record<string, unknown> {
    const { truncateDim, precision } = this.options;
    return givenOptions({ truncateDim, precision });
  }

  private async embed(
    model: EmbeddingModel,
    texts: readonly string[],
    { signal }: EvaluateOptions,
  ): Promise<PackedVectors> {
    const { batchSize = 16, truncateDim, precision } = this.options;
    const normalizeEmbeddings = precision !== undefined || undefined;
    const encoding = { batchSize, truncateDim, precision, normalizeEmbeddings, signal };
    const vectors = await embed(WHERE, model, "encode", texts, encoding);
    return precision === "binary" || precision === "ubinary" ? unpacked(vectors, precision) : vectors;
  }
}

/** The largest correlation of those that there are; NaN where there is none. */
function largest(correlations: readonly number[]): number {
  const defined = correlations.filter((value) => !Number.isNaN(value));
  return defined.length === 0 ? Number.NaN : Math.max(...defined);
}

/** Packed bits as numbers 0 and 1; those of "binary" are bytes less 128. */
function unpacked({ data, rows, dim }: PackedVectors, precision: "binary" | "ubinary"): PackedVectors {
  const bits = new Float32Array(8 * data.length);
  for (let i = 0; i < data.length; i++) {
    const byte = precision === "binary" ? data[i]! + 128 : data[i]!;
    for (let b = 0; b < 8; b++) bits[8 * i + b] = (byte >> (7 - b)) & 1;
  }
  return { data: bits, rows, dim: 8 * dim };
}
