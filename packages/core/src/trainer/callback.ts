import type { StepReport, TrainerControl, TrainerState, TrainSummary } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";

type Hook<Extra extends readonly unknown[] = []> = (
  args: TrainingArguments,
  state: TrainerState,
  control: TrainerControl,
  ...extra: Extra
) => void | Promise<void>;

/**
 * What a run calls at its turns, in the order of the list. Every method is optional and may be asynchronous: the run
 * waits for it. An error ends the run.
 */
export interface TrainerCallback {
  /** Its name in `trainer_state.json`, where it keeps something between runs: `saveState` and `loadState`. */
  readonly name?: string;
  /** Before the first step, after a checkpoint was loaded. */
  onTrainBegin?: Hook;
  /** After each optimizer step; `control` may be set here. */
  onStepEnd?: Hook<[report: StepReport]>;
  /** After the last step of an epoch, and of a run that its length or a callback ends inside one; behind `onStepEnd`. */
  onEpochEnd?: Hook;
  /** Means since the last time: "loss", parts of the loss, "grad_norm", "learning_rate"; at the end "train_…". */
  onLog?: Hook<[values: Readonly<Record<string, number>>]>;
  /** All metrics of one evaluation, named "eval_…". `state.bestMetric` is still the earlier best. */
  onEvaluate?: Hook<[metrics: Readonly<Record<string, number>>]>;
  /** After each finished batch of an evaluation: how many of how many. */
  onEvaluateStep?: Hook<[done: number, total: number]>;
  /** After a checkpoint is complete. */
  onSave?: Hook<[folder: string]>;
  /** A sentence for a person: what was decided in place of what was asked. */
  onNotice?: Hook<[notice: string]>;
  /** After the last step, or when the run ends early; not after an error. */
  onTrainEnd?: Hook<[summary: TrainSummary]>;
  /** When the run ends, however it ends: for closing files. */
  onClose?: Hook<[error: unknown]>;
  /** What a checkpoint keeps of the callback, in the reference's form: `{ args, attributes }`. */
  saveState?(): Readonly<Record<string, unknown>>;
  /** Takes over what `saveState` gave. */
  loadState?(saved: Readonly<Record<string, unknown>>): void;
}
