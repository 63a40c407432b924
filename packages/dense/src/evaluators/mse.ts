import {
  checkOptions,
  EngineError,
  type EvaluateOptions,
  mean,
  mul,
  type OptionNames,
  type PackedVectors,
  packVectors,
  prefixedKey,
  type SentenceEvaluator,
  sub,
  tensorScope,
  vectorsTensor,
} from "@ettin/core";
import { checkSameLength, type EmbeddingModel, type EncodingOptions, embed } from "./embedding-model.ts";
import { givenOptions, report } from "./report.ts";

const WHERE = "MSEEvaluator";

export interface MSEEvaluatorOptions extends EncodingOptions {
  /** What the teacher reads. */
  sourceSentences: readonly string[];
  /** What the model reads: in place i a text that is to have the vector of source i. */
  targetSentences: readonly string[];
  /** Its vectors are made at the first evaluation, and kept. */
  teacherModel: Pick<EmbeddingModel, "encode">;
  /** Before the metrics' names, and in the file's. @default "" */
  name?: string;
  /** @default 32 */
  batchSize?: number;
  /** Whether a line is added to "mse_evaluation_<name>_results.csv". @default true */
  writeCsv?: boolean;
}

const OPTIONS: OptionNames<MSEEvaluatorOptions> = {
  sourceSentences: true,
  targetSentences: true,
  teacherModel: true,
  name: true,
  batchSize: true,
  truncateDim: true,
  writeCsv: true,
};

/** How far the model's vectors are from a teacher's: "negative_mse" is −100 · the mean squared difference. */
export class MSEEvaluator implements SentenceEvaluator<EmbeddingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  readonly primaryMetric: string;
  private readonly options: MSEEvaluatorOptions;
  private teacher: PackedVectors | null = null;

  constructor(options: MSEEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    const { sourceSentences, targetSentences } = options;
    checkSameLength(WHERE, { sourceSentences, targetSentences });
    if (typeof options.teacherModel?.encode !== "function") {
      throw new EngineError(WHERE, "teacherModel is missing, or no model", "Give the model whose vectors count.");
    }
    this.name = options.name ?? "";
    this.primaryMetric = prefixedKey(this.name, "negative_mse");
    this.options = options;
  }

  async evaluate(model: EmbeddingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { sourceSentences, targetSentences, teacherModel, writeCsv = true } = this.options;
    this.teacher ??= await this.embed(teacherModel, sourceSentences, options);
    const mse = await meanSquare(this.teacher, await this.embed(model, targetSentences, options));
    const csv = writeCsv
      ? { file: `mse_evaluation_${this.name}_results.csv`, headers: ["MSE"], values: [100 * mse] }
      : null;
    const metrics = { negative_mse: -100 * mse };
    return report(this, model, { metrics, csv, description: "Knowledge Distillation" }, options);
  }

  metricNames(): string[] {
    return [this.primaryMetric];
  }

  config(): Record<string, unknown> {
    return givenOptions({ truncateDim: this.options.truncateDim });
  }

  private embed(model: Pick<EmbeddingModel, "encode">, texts: readonly string[], { signal }: EvaluateOptions) {
    const { batchSize = 32, truncateDim } = this.options;
    return embed(WHERE, model, "encode", texts, { batchSize, truncateDim, signal });
  }
}

async function meanSquare(a: PackedVectors, b: PackedVectors): Promise<number> {
  packVectors(WHERE, [a.data.subarray(0, a.dim), b.data.subarray(0, b.dim)]); // of one length
  const made = tensorScope(() => {
    const difference = sub(vectorsTensor(a), vectorsTensor(b));
    return mean(mul(difference, difference));
  });
  const reading = made.item();
  made.dispose();
  return reading;
}
