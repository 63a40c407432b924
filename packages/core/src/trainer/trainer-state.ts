/** One entry of the log: "loss", "grad_norm", "learning_rate", "eval_loss" … under the reference's names. */
export type LogEntry = Readonly<Record<string, number>> & { readonly step: number; readonly epoch: number };

/** Where a run stands: the fields of the reference's `trainer_state.json`, in memory. */
export interface TrainerState {
  /** Optimizer steps taken. */
  globalStep: number;
  /** Epochs seen, with the part of the one in hand. */
  epoch: number;
  /** Steps of the whole run. Where `maxTokens` ends it: an estimate from the tokens per step so far; -1 before the first. */
  maxSteps: number;
  numTrainEpochs: number;
  loggingSteps: number;
  evalSteps: number;
  saveSteps: number;
  trainBatchSize: number;
  /** Tokens that the model has computed in training, evaluation not counted. */
  numInputTokensSeen: number;
  bestMetric: number | null;
  bestGlobalStep: number | null;
  /** The folder of the best checkpoint. */
  bestModelCheckpoint: string | null;
  logHistory: LogEntry[];
}

/** Switches that callbacks set. All but the first go back when they were obeyed. */
export interface TrainerControl {
  shouldStop: boolean;
  shouldSave: boolean;
  shouldEvaluate: boolean;
  shouldLog: boolean;
}

/** One optimizer step, as the loop yields it. */
export interface StepReport {
  /** Counts from 1: steps taken, this one included. */
  readonly step: number;
  /** Epochs seen after this step. */
  readonly epoch: number;
  readonly loss: number;
  /** The parts of a loss that has named ones, else empty. */
  readonly losses: Readonly<Record<string, number>>;
  /** The norm of all gradients as one vector, before clipping. */
  readonly gradNorm: number;
  /** The rate that this step took, of the groups without one of their own. */
  readonly learningRate: number;
  /** Tokens of this step. */
  readonly tokens: number;
  /** Tokens of all steps up to this one. */
  readonly tokensSeen: number;
  /** Sequences of this step. */
  readonly sequences: number;
  /** Rows of the dataset, of this step. */
  readonly rows: number;
  /** From the end of the step before (the start of the run) to the end of this one, without logging, evaluating, saving. */
  readonly seconds: number;
  /** Of the dataset: this step is an epoch's last. */
  readonly endsEpoch: boolean;
}

/** What `train()` resolves with. */
export interface TrainSummary {
  readonly globalStep: number;
  /** The mean loss of the run's steps. */
  readonly trainLoss: number;
  /** "train_loss", "train_runtime" (seconds), "train_steps_per_second", "train_tokens_per_second". */
  readonly metrics: Readonly<Record<string, number>>;
  /** Why it ended before its time: a signal, the AbortSignal, or a callback. */
  readonly stopped?: "SIGINT" | "SIGTERM" | "abort" | "callback";
  /** The folder of the last checkpoint that this call saved. */
  readonly checkpoint?: string;
}
