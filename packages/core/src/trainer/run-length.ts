import type { BatchSampler } from "../data/batch-sampler.ts";
import { EngineError } from "../errors.ts";
import type { TrainingArguments } from "./training-arguments.ts";

/** How long a run is. */
export interface RunLength {
  /** Optimizer steps, or null where `maxTokens` alone ends it. */
  readonly steps: number | null;
  /** Epochs that the data is read for; infinite where steps or tokens end the run. */
  readonly epochs: number;
  readonly tokens: number;
}

/** The end of a run: `maxSteps` and `maxTokens` where they are given, else `numTrainEpochs`. */
export function runLength(args: TrainingArguments, source: BatchSampler): RunLength {
  const { maxSteps, maxTokens, numTrainEpochs, gradientAccumulationSteps } = args;
  if (!(source.batchesPerEpoch >= 1)) {
    throw new EngineError(
      "train",
      `an epoch has ${source.batchesPerEpoch} batches of ${args.perDeviceTrainBatchSize} rows`,
      "Give trainDataset more rows, lower perDeviceTrainBatchSize, or set dataloaderDropLast: false.",
    );
  }
  const tokens = maxTokens ?? Number.POSITIVE_INFINITY;
  if (maxSteps > 0) return { steps: maxSteps, epochs: Number.POSITIVE_INFINITY, tokens };
  if (maxTokens !== null) return { steps: null, epochs: Number.POSITIVE_INFINITY, tokens };
  const perEpoch = Math.ceil(source.batchesPerEpoch / gradientAccumulationSteps);
  return { steps: Math.ceil(numTrainEpochs * perEpoch), epochs: Math.ceil(numTrainEpochs), tokens };
}

/** An interval in steps; below 1 it is a share of the whole run. */
export function intervalSteps(name: string, interval: number, steps: number | null): number {
  if (interval >= 1) return interval;
  if (steps !== null) return Math.max(1, Math.ceil(interval * steps));
  throw new EngineError(
    "train",
    `${name} is ${interval}, a share of all steps, but maxTokens ends the run`,
    `Give ${name} as a number of steps.`,
  );
}
