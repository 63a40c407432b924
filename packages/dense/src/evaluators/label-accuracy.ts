import {
  argmax,
  type Collator,
  type Columns,
  checkOptions,
  columnsCollator,
  EngineError,
  type EvaluateOptions,
  expectDataset,
  noGrad,
  type OptionNames,
  type PackedTexts,
  prefixedKey,
  type Row,
  type RowSource,
  type SentenceEvaluator,
  type Tensor,
  tensorScope,
} from "@ettin/core";
import type { HasCardFacts } from "../card-facts.ts";
import { nameSuffix, report } from "./report.ts";

const WHERE = "LabelAccuracyEvaluator";

/** A loss with a classifier of its own: `SoftmaxLoss`. */
export interface ClassifierHead {
  /** `[rows, classes]` of a batch, without dropout. */
  logits(batch: Columns): Tensor;
}

export interface LabelAccuracyEvaluatorOptions {
  /** Texts and labels, as in training. */
  dataset: RowSource<Row>;
  /** Rows to a batch, as in training. @default a `columnsCollator` of the model, without prompts */
  collator?: Collator<Row, Columns>;
  /** What classifies: the loss that is trained. */
  softmaxModel: ClassifierHead;
  /** Before the metric's name, and in the file's. @default "" */
  name?: string;
  /** @default 32 */
  batchSize?: number;
  /** Whether a line is added to "accuracy_evaluation_<name>_results.csv". @default true */
  writeCsv?: boolean;
}

/** A model that makes ids of texts: `SentenceTransformer`. Not needed where a collator is given. */
export interface TokenizingModel extends HasCardFacts {
  tokenize?(texts: readonly string[], options?: { prompt?: string }): Promise<PackedTexts>;
}

const OPTIONS: OptionNames<LabelAccuracyEvaluatorOptions> = {
  dataset: true,
  collator: true,
  softmaxModel: true,
  name: true,
  batchSize: true,
  writeCsv: true,
};

/** The share of rows whose class a softmax loss finds: "accuracy". */
export class LabelAccuracyEvaluator implements SentenceEvaluator<TokenizingModel> {
  readonly name: string;
  readonly greaterIsBetter: boolean = true;
  readonly primaryMetric: string;
  private readonly options: LabelAccuracyEvaluatorOptions;

  constructor(options: LabelAccuracyEvaluatorOptions) {
    checkOptions(WHERE, options, OPTIONS);
    expectDataset(WHERE, "dataset", options.dataset);
    if (typeof options.softmaxModel?.logits !== "function") {
      throw new EngineError(
        WHERE,
        "softmaxModel is missing, or has no logits",
        "Give the SoftmaxLoss that is trained.",
      );
    }
    if (options.dataset.length === 0) throw new EngineError(WHERE, "the dataset is empty", "Give it rows.");
    const { batchSize = 32 } = options;
    if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
      throw new EngineError(WHERE, `batchSize is ${batchSize}`, "Use a whole number from 1 on.");
    }
    this.name = options.name ?? "";
    this.primaryMetric = prefixedKey(this.name, "accuracy");
    this.options = options;
  }

  metricNames(): string[] {
    return [this.primaryMetric];
  }

  async evaluate(model: TokenizingModel, options: EvaluateOptions = {}): Promise<Record<string, number>> {
    const { dataset, softmaxModel, batchSize = 32, writeCsv = true, collator = collatorOf(model) } = this.options;
    let right = 0;
    for (let first = 0; first < dataset.length; first += batchSize) {
      options.signal?.throwIfAborted();
      const count = Math.min(batchSize, dataset.length - first);
      const rows = dataset.rows(Int32Array.from({ length: count }, (_, i) => first + i));
      const batch = await collator(rows, { seed: 0, epoch: 0, step: first, firstSequence: 0 });
      const { labels } = batch;
      if (labels?.shape.length !== 1) {
        throw new EngineError(WHERE, "the rows have no class", 'Give the dataset a column "label" of whole numbers.');
      }
      const made = tensorScope(() => noGrad(() => argmax(softmaxModel.logits(batch), -1)));
      const reading = made.data();
      made.dispose();
      (await reading).forEach((found: number, i: number) => {
        if (found === labels.values[i]) right++;
      });
    }
    const accuracy = right / dataset.length;
    const file = `accuracy_evaluation${nameSuffix(this.name)}_results.csv`;
    const csv = writeCsv ? { file, headers: ["accuracy"], values: [accuracy] } : null;
    return report(this, model, { metrics: { accuracy }, csv }, options);
  }
}

function collatorOf(model: TokenizingModel): Collator<Row, Columns> {
  if (!model.tokenize) {
    throw new EngineError(WHERE, "the model does not make ids of texts", "Pass a collator: columnsCollator({ … }).");
  }
  const encodeBatch = (texts: readonly string[]) => model.tokenize!(texts, { prompt: "" });
  return columnsCollator({ tokenizer: { encodeBatch }, maxLength: "tokenizer", where: WHERE });
}
