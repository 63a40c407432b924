export type { ArgumentRule, ArgumentRules } from "./argument-rules.ts";
export type { TrainerCallback } from "./callback.ts";
export type { SavedBeside } from "./checkpoint.ts";
export { type CheckpointFolder, lastCheckpoint, listCheckpoints } from "./checkpoint-folder.ts";
export type { CollatePlace, Collator, RowSource, Sized } from "./collator.ts";
export { EarlyStoppingCallback, type EarlyStoppingOptions } from "./early-stopping.ts";
export { encodeInPieces, packedPiece } from "./encode-in-pieces.ts";
export { type FillArgumentsOptions, fillArguments } from "./fill-arguments.ts";
export type { Loss, LossPass, LossPiece } from "./loss.ts";
export { NonFiniteLossError } from "./non-finite-loss.ts";
export { sequenceRanges } from "./sequence-ranges.ts";
export type { TrainableModel } from "./trainable-model.ts";
export { Trainer } from "./trainer.ts";
export type { Evaluator, EvaluatorPlace, TrainerOptions, TrainOptions } from "./trainer-options.ts";
export type { LogEntry, StepReport, TrainerControl, TrainerState, TrainSummary } from "./trainer-state.ts";
export type {
  BatchSizeWarmup,
  OptimizerArguments,
  Reporter,
  SchedulerOptions,
  SchedulerType,
  TrainingArguments,
} from "./training-arguments.ts";
