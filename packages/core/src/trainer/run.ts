/** What a run has open between its first and its last step. */

import { basename, join } from "node:path";
import type { BatchSampler } from "../data/batch-sampler.ts";
import { EngineError } from "../errors.ts";
import { readJson } from "../model/read-json.ts";
import { batchSizeWarmup } from "../optim/batch-size-warmup.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import type { Schedule } from "../schedules/schedule.ts";
import type { ArgumentRules } from "./argument-rules.ts";
import { buildOptimizer } from "./build-optimizer.ts";
import { checkSameArguments } from "./check-resume.ts";
import {
  ARGUMENTS_FILE,
  checkpointToResume,
  LOSS_PREFIX,
  loadLossParameters,
  loadModelWeights,
  OPTIMIZER_FILE,
} from "./checkpoint.ts";
import { type CheckpointFolder, listCheckpoints, removeCheckpoint, setAsideBeyond } from "./checkpoint-folder.ts";
import type { RowSource, Sized } from "./collator.ts";
import type { NamedTensor } from "./load-into.ts";
import { loadOptimizer } from "./optimizer-file.ts";
import { intervalSteps, type RunLength, runLength } from "./run-length.ts";
import { samplerOf } from "./sampler-of.ts";
import { scheduleOf } from "./schedule-of.ts";
import { type LossSums, readStateFile, type SavedRun } from "./state-file.ts";
import type { DataPosition } from "./step-batches.ts";
import type { RunOptions, TrainOptions } from "./trainer-options.ts";
import type { TrainerState } from "./trainer-state.ts";
import type { TrainingArguments } from "./training-arguments.ts";

export interface Run<R> {
  readonly dataset: RowSource<R>;
  readonly source: BatchSampler;
  readonly fingerprint: string;
  readonly length: RunLength;
  readonly schedule: Schedule;
  readonly optimizer: Optimizer;
  readonly ownsOptimizer: boolean;
  readonly modelParameters: readonly NamedTensor[];
  readonly lossParameters: readonly NamedTensor[];
  /** Batches of the step at which so many tokens have been seen. */
  readonly batchesPerStep: (tokensSeen: number) => number;
  readonly state: TrainerState;
  position: DataPosition;
  sums: LossSums;
  owesEvaluation: boolean;
  /** From the moment that a step begins to change the weights until its numbers are known. */
  updating: boolean;
  /** The step whose checkpoint was written last, or that was resumed from. */
  savedStep: number;
}

const NO_SUMS = (): LossSums => ({ since: { steps: 0, loss: 0, losses: {} }, run: { steps: 0, loss: 0 } });

/** Builds all that a run needs, and takes over a checkpoint where one is resumed. */
export async function openRun<R, Batch extends Sized>(
  options: RunOptions<R, Batch>,
  args: TrainingArguments,
  { resumeFromCheckpoint = false, optimizerFrom }: TrainOptions,
  notice: (text: string) => void,
  loadCallbacks: (saved: Readonly<Record<string, unknown>>) => void,
): Promise<Run<R>> {
  const { name: where = "Trainer", model, loss, trainDataset: dataset } = options;
  if (!dataset) throw new EngineError(where, "there is no trainDataset", "Pass one.");
  if (options.batchSampler) refuseSecondSampler(where, args);
  const source = options.batchSampler ?? (await samplerOf(dataset, args));
  const length = runLength(args, source);
  const schedule = options.schedule ?? scheduleOf(args, length.steps);
  const modelParameters = model.entries();
  checkDtypes(where, modelParameters);
  const lossParameters = [...(loss.namedParameters ?? [])].map(([name, tensor]) => ({
    name: LOSS_PREFIX + name,
    tensor,
    parts: null,
  }));
  const folder = resumeFromCheckpoint ? await checkpointToResume(resumeFromCheckpoint, args.outputDir) : null;
  if (folder && optimizerFrom) {
    throw new EngineError(where, "both resumeFromCheckpoint and optimizerFrom are given", "Keep one of them.");
  }
  const fingerprint = dataset.fingerprint ?? `${dataset.length} rows`;
  const { argumentRules: rules } = options;
  const saved = folder ? await readCheckpoint(folder, { args, rules, fingerprint, length, notice }) : null;
  const earlier = await checkOutput(where, args, folder, saved !== null);

  const optimizer = options.optimizer ?? buildOptimizer(args, [...modelParameters, ...lossParameters]);
  try {
    if (folder) {
      await loadModelWeights(model, modelParameters, folder);
      if (saved) await loadLossParameters(lossParameters, folder);
    }
    const optimizerFolder = saved ? folder : optimizerFrom;
    if (optimizerFolder) {
      const file = join(optimizerFolder, OPTIMIZER_FILE);
      await loadOptimizer(file, optimizer, [...modelParameters, ...lossParameters], { options: saved !== null });
    }
    if (saved) loadCallbacks(saved.callbacks);
    const run: Run<R> = {
      dataset,
      source,
      fingerprint,
      length,
      schedule,
      optimizer,
      ownsOptimizer: !options.optimizer,
      modelParameters,
      lossParameters,
      batchesPerStep: batchesPerStep(args),
      state: stateOf(args, length, source, saved),
      position: saved?.position ?? { epoch: 0, batches: 0 },
      sums: saved?.sums ?? NO_SUMS(),
      owesEvaluation: saved?.owesEvaluation ?? false,
      updating: false,
      savedStep: saved?.state.globalStep ?? 0,
    };
    // Nothing of the start can fail any more: only now is anything taken away.
    if (saved) await leaveBranch(args.outputDir, folder!, saved.state.globalStep, notice);
    else for (const { step } of earlier) await removeCheckpoint(args.outputDir, step);
    return run;
  } catch (error) {
    if (!options.optimizer) optimizer.dispose();
    throw error;
  }
}

function refuseSecondSampler(
  where: string,
  { order, batchSampler, multiDatasetBatchSampler }: TrainingArguments,
): void {
  const second =
    order !== null
      ? `order is ${JSON.stringify(order)}`
      : batchSampler !== "batch_sampler"
        ? `args.batchSampler is "${batchSampler}"`
        : multiDatasetBatchSampler !== "proportional"
          ? `multiDatasetBatchSampler is "${multiDatasetBatchSampler}"`
          : null;
  if (second) throw new EngineError(where, `a batchSampler is given, but ${second}`, "Keep one of them.");
}

function checkDtypes(where: string, parameters: readonly NamedTensor[]): void {
  const half = parameters.find(({ tensor }) => tensor.requiresGrad && tensor.dtype !== "float32");
  if (!half) return;
  throw new EngineError(
    where,
    `${half.name} is ${half.tensor.dtype}`,
    'Training keeps float32 weights: load the model with dtype: "float32", and set bf16: true to compute in bfloat16.',
  );
}

interface ResumedRun {
  readonly args: TrainingArguments;
  readonly rules: ArgumentRules | undefined;
  readonly fingerprint: string;
  readonly length: RunLength;
  readonly notice: (text: string) => void;
}

/** Reads and checks a checkpoint's state; null, with a notice, for another library's. */
async function readCheckpoint(
  folder: string,
  { args, rules, fingerprint, length, notice }: ResumedRun,
): Promise<SavedRun | null> {
  const saved = await readStateFile(folder);
  if (!saved) {
    notice(
      `${folder} was written by another library: its weights are loaded. The optimizer, the schedule and the order of the ` +
        "data start fresh, from step 0; pickled files are not read.",
    );
    return null;
  }
  const file = join(folder, ARGUMENTS_FILE);
  const before = await readJson("train", file);
  if (!before) throw new EngineError("train", `${file} is missing`, "Resume from another checkpoint.");
  checkSameArguments(folder, before, args, rules);
  if (saved.datasetFingerprint !== fingerprint) {
    throw new EngineError(
      "train",
      `${folder} was made with another dataset: ${saved.datasetFingerprint}, now ${fingerprint}`,
      "Pass the dataset that the run had, with the same transformations, or start a new run.",
    );
  }
  const { maxSteps, globalStep } = saved.state;
  if (length.steps !== null && maxSteps > 0 && length.steps !== maxSteps) {
    if (length.steps < maxSteps) {
      throw new EngineError(
        "train",
        `${folder} is of a run of ${maxSteps} steps, now there are ${length.steps}`,
        "Let the run keep its length, or make it longer.",
      );
    }
    notice(
      `The run has ${length.steps} steps in place of ${maxSteps}: from step ${globalStep} on the learning rate follows the ` +
        "longer schedule.",
    );
  }
  return saved;
}

/**
 * An earlier run's checkpoints are in the way of a new one.
 *
 * @returns those that are to be removed
 */
async function checkOutput(
  where: string,
  args: TrainingArguments,
  resumed: string | null,
  ours: boolean,
): Promise<CheckpointFolder[]> {
  if (resumed && args.overwriteOutputDir) {
    throw new EngineError(where, "overwriteOutputDir is true, but the run resumes", "Keep one of them.");
  }
  const earlier = await listCheckpoints(args.outputDir);
  if (earlier.length === 0 || (resumed && ours)) return [];
  if (resumed) {
    throw new EngineError(
      where,
      `outputDir ${args.outputDir} has ${basename(earlier.at(-1)!.folder)}, and ${resumed} is of another library`,
      `Its steps start from 0: pass resumeFromCheckpoint: ${JSON.stringify(resumed)} with an outputDir of its own.`,
    );
  }
  if (!args.overwriteOutputDir) {
    throw new EngineError(
      where,
      `outputDir ${args.outputDir} has ${basename(earlier.at(-1)!.folder)} of an earlier run`,
      "Go on with resumeFromCheckpoint: true, choose another outputDir, or set overwriteOutputDir: true to remove it.",
    );
  }
  return earlier;
}

/** Later checkpoints are of the branch that the run leaves: they would be taken for its own. */
async function leaveBranch(
  outputDir: string,
  resumed: string,
  step: number,
  notice: (text: string) => void,
): Promise<void> {
  const aside = await setAsideBeyond(outputDir, step);
  if (aside.length === 0) return;
  notice(
    `The run goes on from ${basename(resumed)}: later checkpoints of ${outputDir} are kept as ${aside.join(", ")}, beside ` +
      "its own; remove them when they are not needed.",
  );
}

function batchesPerStep({ batchSizeWarmup: warmup, gradientAccumulationSteps: to }: TrainingArguments) {
  if (!warmup) return () => to;
  return batchSizeWarmup({ from: warmup.from ?? 1, to, tokens: warmup.tokens });
}

function stateOf(
  args: TrainingArguments,
  length: RunLength,
  source: BatchSampler,
  saved: SavedRun | null,
): TrainerState {
  const { steps } = length;
  const perEpoch = Math.ceil(source.batchesPerEpoch / args.gradientAccumulationSteps);
  const best = saved?.state.bestModelCheckpoint;
  const interval = (name: "loggingSteps" | "evalSteps" | "saveSteps", used: boolean) =>
    used ? intervalSteps(name, args[name]!, steps) : args[name]!;
  return {
    ...(saved?.state ?? {
      globalStep: 0,
      epoch: 0,
      numInputTokensSeen: 0,
      bestMetric: null,
      bestGlobalStep: null,
      logHistory: [],
    }),
    bestModelCheckpoint: best ? join(args.outputDir, basename(best)) : null,
    maxSteps: steps ?? saved?.state.maxSteps ?? -1,
    numTrainEpochs: args.maxSteps > 0 ? Math.ceil(args.maxSteps / perEpoch) : Math.ceil(args.numTrainEpochs),
    loggingSteps: interval("loggingSteps", args.loggingStrategy === "steps"),
    evalSteps: interval("evalSteps", args.evalStrategy === "steps"),
    saveSteps: interval("saveSteps", args.saveStrategy === "steps"),
    trainBatchSize: args.perDeviceTrainBatchSize,
  };
}
