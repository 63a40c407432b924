import type { BatchSampler } from "../data/batch-sampler.ts";
import type { SentenceEvaluator } from "../evaluators/evaluator.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../schedules/schedule.ts";
import type { ArgumentRules } from "./argument-rules.ts";
import type { TrainerCallback } from "./callback.ts";
import type { SavedBeside } from "./checkpoint.ts";
import type { Collator, RowSource, Sized } from "./collator.ts";
import type { Loss } from "./loss.ts";
import type { TrainableModel } from "./trainable-model.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/** Where an evaluation stands. */
export interface EvaluatorPlace {
  readonly step: number;
  readonly epoch: number;
  /** For files that belong to the evaluation. */
  readonly outputDir: string;
  /** Aborted when the run is asked to stop: what the evaluator then throws is not an error of the run. */
  readonly signal?: AbortSignal;
}

/** Measures a model; its metrics are logged with "eval_" before their names. */
export type Evaluator<Model extends TrainableModel = TrainableModel> =
  | ((model: Model, place: EvaluatorPlace) => Promise<Readonly<Record<string, number>>>)
  | SentenceEvaluator<Model>;

export interface TrainerOptions<R, Batch extends Sized, Model extends TrainableModel = TrainableModel> {
  /** Its weights are float32; they are what training changes. */
  model: Model;
  /** @default the reference's */
  args?: Partial<TrainingArguments>;
  /** Needed to train. */
  trainDataset?: RowSource<R>;
  /** One, or several by name: their metrics are "eval_<name>_…". */
  evalDataset?: RowSource<R> | Readonly<Record<string, RowSource<R>>>;
  loss: Loss<Batch>;
  collator: Collator<R, Batch>;
  /** After those that `args` ask for. */
  callbacks?: readonly TrainerCallback[];
  /** In place of the one that `args` ask for; the caller disposes it. */
  optimizer?: Optimizer;
  /** In place of the one that `args` ask for: a factor of the learning rate, by `scheduleUnit`, from 0. */
  schedule?: Schedule;
  /** In place of the one that `args` ask for. */
  batchSampler?: BatchSampler;
  /**
   * Save the last complete step before an error of the data, an evaluation or a callback ends the run.
   *
   * @default unless saveStrategy is "no"
   */
  saveOnError?: boolean;
  /** Run at each evaluation, one after the other. */
  evaluator?: Evaluator<Model> | readonly Evaluator<Model>[];
  /** Saved beside the model. */
  tokenizer?: SavedBeside;
  /** Takes sentences such as "bf16 runs as float32 here". @default the callbacks' `onNotice`, else a warning of the process */
  onNotice?: (notice: string) => void;
  /** Sentences to tell when a run begins. @default none */
  notices?: readonly string[];
  /** For messages: the class that the caller wrote. @default "Trainer" */
  name?: string;
  /** A package's own defaults, in place of the reference's. */
  defaults?: Partial<TrainingArguments>;
  /** A package's own arguments, by name: they are checked, saved and compared like the others. */
  argumentRules?: ArgumentRules;
}

/** What of a trainer's options its run uses. */
export type RunOptions<R, Batch extends Sized> = Omit<TrainerOptions<R, Batch>, "evaluator">;

export interface TrainOptions {
  /** true: from the highest complete checkpoint of `outputDir`; or a checkpoint's folder. @default false */
  resumeFromCheckpoint?: boolean | string;
  /**
   * A checkpoint whose optimizer state (running means and their step counts) a new run begins with: the next phase of a
   * longer training. Rates and weight decay are this run's; the weights are those that the model has.
   */
  optimizerFrom?: string;
  /** Like a signal: finish the step, save, resolve. */
  signal?: AbortSignal;
}
