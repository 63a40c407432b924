import type { TrainerCallback } from "../../packages/core/src/trainer/callback.ts";
import type { StepReport, TrainerControl, TrainerState } from "../../packages/core/src/trainer/trainer-state.ts";
import type { TrainingArguments } from "../../packages/core/src/trainer/training-arguments.ts";

/** A run without a model: calls a callback as the trainer does. */
export interface FakeRun {
  readonly state: TrainerState;
  begin(): Promise<void>;
  /** Takes a step of 100 tokens and half a second. */
  step(loss?: number): Promise<void>;
  log(values: Record<string, number>): Promise<void>;
  evaluate(metrics: Record<string, number>): Promise<void>;
  save(folder: string): Promise<void>;
  end(stopped?: "SIGTERM"): Promise<void>;
  close(error?: unknown): Promise<void>;
}

export function fakeRun(
  callback: TrainerCallback,
  given: Partial<TrainingArguments> & { outputDir: string },
  from = 0,
  maxSteps = 10,
): FakeRun {
  const args = { maxTokens: null, learningRate: 1e-3, seed: 42, ...given } as TrainingArguments;
  const control: TrainerControl = { shouldStop: false, shouldSave: false, shouldEvaluate: false, shouldLog: false };
  const state = {
    globalStep: from,
    epoch: from / maxSteps,
    maxSteps,
    numInputTokensSeen: 100 * from,
    logHistory: [],
  } as unknown as TrainerState;
  return {
    state,
    begin: async () => callback.onTrainBegin?.(args, state, control),
    async step(loss = 1) {
      state.globalStep++;
      state.epoch = state.globalStep / maxSteps;
      state.numInputTokensSeen += 100;
      const report: StepReport = {
        step: state.globalStep,
        epoch: state.epoch,
        loss,
        losses: {},
        gradNorm: 0.5,
        learningRate: 1e-3,
        tokens: 100,
        tokensSeen: state.numInputTokensSeen,
        sequences: 2,
        rows: 2,
        seconds: 0.5,
        endsEpoch: false,
      };
      await callback.onStepEnd?.(args, state, control, report);
    },
    log: async (values) => callback.onLog?.(args, state, control, values),
    evaluate: async (metrics) => callback.onEvaluate?.(args, state, control, metrics),
    save: async (folder) => callback.onSave?.(args, state, control, folder),
    end: async (stopped) =>
      callback.onTrainEnd?.(args, state, control, {
        globalStep: state.globalStep,
        trainLoss: 1.5,
        metrics: {},
        ...(stopped ? { stopped } : {}),
      }),
    close: async (error) => callback.onClose?.(args, state, control, error),
  };
}
