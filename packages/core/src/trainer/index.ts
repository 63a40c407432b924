export type { TrainerCallback } from "./callback.ts";
export type { BatchSource, CollatePlace, Collator, RowSource, Sized } from "./collator.ts";
export { encodeInPieces, packedPiece } from "./encode-in-pieces.ts";
export { type FillArgumentsOptions, fillArguments } from "./fill-arguments.ts";
export type { Loss, LossPass, LossPiece } from "./loss.ts";
export { sequenceRanges } from "./sequence-ranges.ts";
export type { TrainableModel } from "./trainable-model.ts";
export type { LogEntry, StepReport, TrainerControl, TrainerState, TrainSummary } from "./trainer-state.ts";
export type {
  BatchSizeWarmup,
  OptimizerArguments,
  Reporter,
  SchedulerOptions,
  SchedulerType,
  TrainingArguments,
} from "./training-arguments.ts";
