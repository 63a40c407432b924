import type { StepReport, TrainerControl, TrainerState } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/**
 * What is due after a step by the arguments alone. As in the reference, the last step is evaluated and saved where either
 * goes by steps, and ends an epoch wherever it lies in one.
 */
export function setDue(
  args: TrainingArguments,
  state: TrainerState,
  control: TrainerControl,
  { isLast, endsEpoch }: Pick<StepReport, "endsEpoch"> & { readonly isLast: boolean },
): void {
  const { globalStep, loggingSteps, evalSteps, saveSteps } = state;
  const inSteps = (strategy: string, interval: number) => strategy === "steps" && globalStep % interval === 0;
  if (inSteps(args.loggingStrategy, loggingSteps) || (args.loggingFirstStep && globalStep === 1)) {
    control.shouldLog = true;
  }
  const lastInSteps = isLast && args.evalStrategy === "steps";
  if ((inSteps(args.evalStrategy, evalSteps) || lastInSteps) && globalStep >= args.evalDelay) {
    control.shouldEvaluate = true;
  }
  if (inSteps(args.saveStrategy, saveSteps) || (isLast && args.saveStrategy === "steps")) control.shouldSave = true;
  if (endsEpoch || isLast) setDueByEpoch(args, state, control);
}

/** What is due at the end of an epoch. */
export function setDueByEpoch(args: TrainingArguments, { epoch }: TrainerState, control: TrainerControl): void {
  if (args.loggingStrategy === "epoch") control.shouldLog = true;
  if (args.evalStrategy === "epoch" && epoch >= args.evalDelay) control.shouldEvaluate = true;
  if (args.saveStrategy === "epoch") control.shouldSave = true;
}
