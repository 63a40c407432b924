import {
  type Columns,
  type ColumnsTrainerOptions,
  type ColumnTrainingArguments,
  checkOptions,
  columnsTrainer,
  datasetsByName,
  EngineError,
  inputOf,
  type Loss,
  LossByDataset,
  type OptionNames,
  promptLength,
  type Row,
  type SentenceEvaluator,
  SequentialEvaluator,
  Trainer,
  type TrainerOptions,
} from "@ettin/core";
import { CardCallback } from "./card-callback.ts";
import { CoSENTLoss } from "./losses/cosent.ts";
import type { SentenceTransformer } from "./model.ts";

const WHERE = "SentenceTransformerTrainer";

/** Training arguments of dense models: names and defaults of the reference. */
export type SentenceTransformerTrainingArguments = ColumnTrainingArguments;

type FromCore =
  | "args"
  | "trainDataset"
  | "evalDataset"
  | "collator"
  | "callbacks"
  | "optimizer"
  | "schedule"
  | "batchSampler"
  | "onNotice";

export interface SentenceTransformerTrainerOptions extends Pick<ColumnsTrainerOptions<SentenceTransformer>, FromCore> {
  /** Its weights are float32; they are what training changes. */
  model: SentenceTransformer;
  /** One for all datasets, or one by the name of each. @default a CoSENTLoss */
  loss?: Loss<Columns> | Readonly<Record<string, Loss<Columns>>>;
  /** Run at each evaluation; of a list one after the other, with a "sequential_score". */
  evaluator?: SentenceEvaluator<SentenceTransformer> | readonly SentenceEvaluator<SentenceTransformer>[];
}

const OPTIONS: OptionNames<SentenceTransformerTrainerOptions> = {
  ...{ model: true, args: true, trainDataset: true, evalDataset: true, loss: true, evaluator: true, collator: true },
  ...{ callbacks: true, optimizer: true, schedule: true, batchSampler: true, onNotice: true },
};
const INSTEAD: Readonly<Record<string, string>> = {
  tokenizer: "The model has its own: leave it out.",
  processingClass: "The model has its own: leave it out.",
  dataCollator: "Use collator.",
  optimizers: "Use optimizer and schedule.",
  computeMetrics: "Use an evaluator.",
  modelInit: "Make the model, and pass it as model.",
};

/**
 * Trains a `SentenceTransformer` on columns of texts: the first column called label, labels, score or scores has the
 * labels, all others are the loss's inputs, in their order. Logs, evaluates and saves checkpoints, which are models that
 * load, as `Trainer` does; only parameters with `requiresGrad` move.
 *
 * @example
 *   const trainer = new SentenceTransformerTrainer({
 *     model,
 *     args: { outputDir: "models/tales", perDeviceTrainBatchSize: 64, batchSampler: "no_duplicates" },
 *     trainDataset: await loadDataset("pairs.jsonl"),
 *     loss: new MultipleNegativesRankingLoss(model),
 *   });
 *   const { trainLoss } = await trainer.train();
 *   await trainer.saveModel();
 */
export class SentenceTransformerTrainer extends Trainer<Row, Columns, SentenceTransformer> {
  /** @throws EngineError for an argument, a column, a prompt or a loss that does not fit the others */
  constructor(options: SentenceTransformerTrainerOptions) {
    super(trainerOptions(options));
  }
}

function trainerOptions(options: SentenceTransformerTrainerOptions): TrainerOptions<Row, Columns, SentenceTransformer> {
  checkOptions(WHERE, options, OPTIONS, INSTEAD);
  const { loss: given, evaluator: evaluators, callbacks = [], ...others } = options;
  const { model, trainDataset, evalDataset } = options;
  const input = inputOf(WHERE, model.modules);
  const loss = given ?? new CoSENTLoss(model);
  const evaluator = evaluatorOf(evaluators);
  const trainer = columnsTrainer<SentenceTransformer>({
    ...others,
    loss,
    name: WHERE,
    ...(evaluator && { evaluator }),
    columns: {
      tokenizer: { encodeBatch: (texts) => model.tokenize(texts, { prompt: "" }) },
      maxLength: "tokenizer",
      promptLength: (prompt) => promptLength(input, prompt), // also for a guide, whose pooling may leave prompts out
    },
  });
  checkModel(model, trainer.loss);
  const card = new CardCallback({
    model,
    trainDatasets: datasetsByName(WHERE, trainDataset),
    evalDatasets: datasetsByName(WHERE, evalDataset),
    lossOf: (name) => (trainer.loss instanceof LossByDataset ? trainer.loss.losses[name]! : trainer.loss),
    evaluator,
  });
  return { ...trainer, callbacks: [card, ...callbacks] };
}

function evaluatorOf(
  given: SentenceTransformerTrainerOptions["evaluator"],
): SentenceEvaluator<SentenceTransformer> | null {
  if (given === undefined) return null;
  return Array.isArray(given)
    ? new SequentialEvaluator(given as readonly SentenceEvaluator<SentenceTransformer>[])
    : (given as SentenceEvaluator<SentenceTransformer>);
}

/** A loss that was made for another model would train that one. */
function checkModel(model: SentenceTransformer, loss: Loss<Columns>): void {
  const all = loss instanceof LossByDataset ? Object.values(loss.losses) : [loss];
  for (const each of all) {
    const { model: its } = each as { model?: unknown };
    if (its === undefined || its === model) continue;
    throw new EngineError(
      WHERE,
      `${each.constructor.name} was made for another model`,
      "Make it for the model that is trained.",
    );
  }
}
