import {
  checkOptions,
  DocumentRanking,
  type EvaluateOptions,
  type OptionNames,
  type PackedVectors,
  prefixedKey,
  prefixedKeys,
  type SentenceEvaluator,
} from "@ettin/core";
import { checkSameLength, type EmbeddingModel, type EncodingOptions, embed } from "./embedding-model.ts";
import { givenOptions, nameSuffix, report } from "./report.ts";

const WHERE = "TranslationEvaluator";

export interface TranslationEvaluatorOptions extends EncodingOptions {
  sourceSentences: readonly string[];
  /** In place i the translation of source i. */
  targetSentences: readonly string[];
  /** Before the metrics' names, and in the file's. @default "" */
  name?: string;
  /** @default 16 */
  batchSize?: number;
  /** Whether a line is added to "translation_evaluation_<name>_results.csv". @default true */
  writeCsv?: boolean;
}

const OPTIONS: OptionNames<TranslationEvaluatorOptions> = {
  sourceSentences: true,
  targetSentences: true,
  name: true,
  batchSize: true,
  truncateDim: true,
  writeCsv: true,
};

/**
 * How often a sentence's translation is the most similar of all translations (cosine): "src2trg_accuracy", the other way
 * "trg2src_accuracy", and their mean.
 */
export class TranslationEvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  readonly primaryMetric: string;
  private readonly options: TranslationEvaluatorOptions;

  constructor(options: TranslationEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { sourceSentences, targetSentences } = options;
    checkSameLength(WHERE, { sourceSentences, targetSentences });
    this.name = options.name ?? "";
    this.primaryMetric = prefixedKey(this.name, "mean_accuracy");
    this.options = options;
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { sourceSentences, targetSentences, batchSize = 16, truncateDim, writeCsv = true } = this.options;
    const encoding = { batchSize, truncateDim, signal: options.signal };
    const source = await embed(WHERE, model, "encode", sourceSentences, encoding);
    const target = await embed(WHERE, model, "encode", targetSentences, encoding);
    const forth = await matches(source, target);
    const back = await matches(target, source);
    const metrics = { src2trg_accuracy: forth, trg2src_accuracy: back, mean_accuracy: (forth + back) / 2 };
    const file = `translation_evaluation${nameSuffix(this.name)}_results.csv`;
    const csv = writeCsv ? { file, headers: ["src2trg", "trg2src"], values: [forth, back] } : null;
    return report(this, model, { metrics, csv }, options);
  }

  metricNames(): string[] {
    return prefixedKeys(this.name, ["src2trg_accuracy", "trg2src_accuracy", "mean_accuracy"]);
  }

  config(): Record<string, unknown> {
    return givenOptions({ truncateDim: this.options.truncateDim });
  }
}

/** The share of rows of which the most similar other row has their number. */
async function matches(from: PackedVectors, to: PackedVectors): Promise<number> {
  const ranking = new DocumentRanking(from, "cosine", 1);
  await ranking.add(to);
  return ranking.top.filter(({ rows }, i) => rows[0] === i).length / from.rows;
}
