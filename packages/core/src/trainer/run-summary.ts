import type { Run } from "./run.ts";
import type { TrainSummary } from "./trainer-state.ts";

/** What a run has come to. */
export function summaryOf(
  { state, sums }: Pick<Run<never>, "state" | "sums">,
  { first, tokensBefore, seconds }: { first: number; tokensBefore: number; seconds: number },
): Pick<TrainSummary, "globalStep" | "trainLoss" | "metrics"> {
  const trainLoss = sums.run.loss / Math.max(1, sums.run.steps);
  return {
    globalStep: state.globalStep,
    trainLoss,
    metrics: {
      train_loss: trainLoss,
      train_runtime: seconds,
      train_steps_per_second: (state.globalStep - first) / seconds,
      train_tokens_per_second: (state.numInputTokensSeen - tokensBefore) / seconds,
    },
  };
}
