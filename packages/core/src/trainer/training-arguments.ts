import type { BatchSamplerKind } from "../data/batch-sampler.ts";
import type { MultiDatasetBatchSamplerKind } from "../data/multi-dataset.ts";

/** How the learning rate moves: names of the reference. */
export type SchedulerType =
  | "constant"
  | "constant_with_warmup"
  | "linear"
  | "cosine"
  | "cosine_with_restarts"
  | "cosine_with_min_lr"
  | "polynomial"
  | "inverse_sqrt"
  | "warmup_stable_decay";

/** What only some schedules take. */
export interface SchedulerOptions {
  /**
   * cosine, cosine_with_min_lr: waves; 0.5 is one fall. cosine_with_restarts: falls, a whole number.
   *
   * @default 0.5; 1 with restarts
   */
  numCycles?: number;
  /** cosine_with_min_lr: the rate at the end. Needed there, or `minLrRate`. */
  minLr?: number;
  /** cosine_with_min_lr: the same as a share of the learning rate. */
  minLrRate?: number;
  /** polynomial: the power of what is left. @default 1 */
  power?: number;
  /** polynomial: the rate at the end, below `learningRate`. @default 1e-7 */
  lrEnd?: number;
  /** inverse_sqrt: how long after the warm-up √½ is left, in the schedule's unit. @default the warm-up, or 10000 steps */
  timescale?: number;
  /** warmup_stable_decay: how long the fall takes, in the schedule's unit. Needed there, 0 for no fall. */
  numDecaySteps?: number;
  /** warmup_stable_decay: the same in tokens, for `scheduleUnit: "tokens"`. */
  numDecayTokens?: number;
  /** warmup_stable_decay: how it falls over the share s, as 1 − s, 1 − √s or half a cosine. @default "cosine" */
  decayType?: "linear" | "1-sqrt" | "cosine";
  /** warmup_stable_decay: the factor at the end of the fall. @default 0 */
  minLrRatio?: number;
  /** warmup_stable_decay: the factor at which the warm-up starts. @default minLrRatio */
  warmupStart?: number;
}

/** What only StableAdamW takes. */
export interface OptimizerArguments {
  /** Weight decay that does not move with the peak rate: at it, a step takes exactly `weightDecay` off. @default false */
  decoupleLearningRate?: boolean;
  /** The rate at which `decoupleLearningRate` takes all of `weightDecay` off. @default learningRate */
  maxLearningRate?: number;
}

/** The number of batches in a step, growing with the tokens seen. */
export interface BatchSizeWarmup {
  /** How long it takes. */
  readonly tokens: number;
  /** Batches of the first steps; those of the last are `gradientAccumulationSteps`. @default 1 */
  readonly from?: number;
}

/** Which reporters a run has: files in `outputDir`, and what is printed. */
export type Reporter = "progress" | "metrics" | "tensorboard" | "html";

/**
 * How to train: the field's names and defaults. Unknown, contradictory and impossible ones are errors before the first
 * step.
 */
export interface TrainingArguments {
  /** Where checkpoints and reports go. @default "trainer_output" */
  outputDir: string;
  /**
   * Removes the checkpoints that an earlier run left in `outputDir`. Without it they are an error, unless the run resumes.
   *
   * @default false
   */
  overwriteOutputDir: boolean;

  /**
   * Rows that one call of the loss sees. In-batch losses draw their negatives from them, so more rows are a harder task
   * as well as a smoother gradient.
   *
   * @default 8
   */
  perDeviceTrainBatchSize: number;
  /** Rows of one batch in evaluation. @default 8 */
  perDeviceEvalBatchSize: number;
  /**
   * Batches of one optimizer step, weighted by the loss: by their targets for token losses, else equally.
   *
   * @default 1
   */
  gradientAccumulationSteps: number;
  /**
   * The most tokens that the model computes at once in training; a longer sequence goes alone. Decides memory only: the
   * gradient is that of the whole batch, to rounding. null: whole batches.
   *
   * @default null
   */
  maxTokensPerMicroBatch: number | null;
  /** Keep only each layer's input for the gradients, and compute the rest again. @default false */
  gradientCheckpointing: boolean;
  /** Batches of a step grow from a few to `gradientAccumulationSteps`. Needs `maxSteps` or `maxTokens`. @default null */
  batchSizeWarmup: BatchSizeWarmup | null;

  /** How often the dataset is seen; parts of an epoch are fine. @default 3 */
  numTrainEpochs: number;
  /** Optimizer steps of the run, in place of `numTrainEpochs`; -1 for none. @default -1 */
  maxSteps: number;
  /**
   * Ends the run with the step that reaches so many tokens, in place of `numTrainEpochs`; with `maxSteps`, whichever comes
   * first.
   *
   * @default null
   */
  maxTokens: number | null;

  /** @default 5e-5 */
  learningRate: number;
  /** Biases and vectors (norms) are left out. @default 0 */
  weightDecay: number;
  /** @default 0.9 */
  adamBeta1: number;
  /** @default 0.999 */
  adamBeta2: number;
  /** @default 1e-8 */
  adamEpsilon: number;
  /** @default "adamw_torch", which is AdamW; "adamw_torch_fused" is the same here */
  optim: "adamw_torch" | "adamw_torch_fused" | "stable_adamw";
  /** @default {} */
  optimArgs: OptimizerArguments;
  /** Gradients longer than this, as one vector, are scaled down to it; 0 for no limit. @default 1 */
  maxGradNorm: number;
  /**
   * Rates of their own for parameters whose names a regular expression finds; the first match counts. They follow the
   * schedule.
   *
   * @default {}
   */
  learningRateMapping: Readonly<Record<string, number>>;

  /** @default "linear" */
  lrSchedulerType: SchedulerType;
  /** @default {} */
  lrSchedulerKwargs: SchedulerOptions;
  /** Steps of the linear rise from 0; below 1 a share of all steps. @default 0 */
  warmupSteps: number;
  /** The same as a share of the whole run. @default 0 */
  warmupRatio: number;
  /** The same in tokens, for `scheduleUnit: "tokens"`. @default 0 */
  warmupTokens: number;
  /**
   * What the schedule counts. In tokens its end is `maxTokens`.
   *
   * @default "tokens" with `maxTokens`, else "steps"
   */
  scheduleUnit: "steps" | "tokens" | null;

  /**
   * Products and activations in bfloat16; weights and optimizer stay float32. Where the device has no bfloat16
   * instructions a notice says so, and float32 is used.
   *
   * @default false
   */
  bf16: boolean;
  /** Accepted for the recipes that have it; runs as `bf16`, and says so. @default false */
  fp16: boolean;

  /** Of dropout, and of the data where `dataSeed` is null. @default 42 */
  seed: number;
  /** Of the order of the data and of the collator's draws. @default null: seed */
  dataSeed: number | null;
  /** How rows become batches: names of the reference. @default "batch_sampler" */
  batchSampler: BatchSamplerKind;
  /** Which dataset gives the next batch, where `trainDataset` is a `MultiDataset`. @default "proportional" */
  multiDatasetBatchSampler: MultiDatasetBatchSamplerKind;
  /** A file of row numbers to follow (`FileOrder`), in place of a sampler, each epoch again. @default null */
  order: string | null;
  /** Leave out an epoch's last batch where it is not full. @default false */
  dataloaderDropLast: boolean;
  /**
   * Accepted for the scripts that have it. The next step's batches are prepared while the device computes, and tokenizers
   * have threads of their own, whatever the number.
   *
   * @default 0
   */
  dataloaderNumWorkers: number;

  /** @default "steps" */
  loggingStrategy: "no" | "steps" | "epoch";
  /** Below 1: a share of all steps. @default 500 */
  loggingSteps: number;
  /** @default false */
  loggingFirstStep: boolean;
  /** Which reporters run. @default ["progress", "metrics", "tensorboard", "html"] */
  report: readonly Reporter[];

  /** @default "no" */
  evalStrategy: "no" | "steps" | "epoch";
  /** Below 1: a share of all steps. @default null: loggingSteps */
  evalSteps: number | null;
  /** No evaluation before this step, or epoch, whichever `evalStrategy` counts. @default 0 */
  evalDelay: number;
  /** Evaluate before the first step, too. @default false */
  evalOnStart: boolean;

  /** "best": whenever an evaluation is better than all before. @default "steps" */
  saveStrategy: "no" | "steps" | "epoch" | "best";
  /** Below 1: a share of all steps. @default 500 */
  saveSteps: number;
  /** The most checkpoints to keep: the newest ones, and the best, which alone stays of 1 at the end. null: all. @default null */
  saveTotalLimit: number | null;
  /** After the last step, take the weights of the best checkpoint. @default false */
  loadBestModelAtEnd: boolean;
  /** As logged, with or without "eval_". @default null; "loss" with `loadBestModelAtEnd` */
  metricForBestModel: string | null;
  /** @default null: unless the metric's name ends with "loss" */
  greaterIsBetter: boolean | null;

  /**
   * On SIGINT and SIGTERM finish the step, save, and resolve; a second signal ends the process. false: no handlers.
   *
   * @default true
   */
  handleSignals: boolean;
}
