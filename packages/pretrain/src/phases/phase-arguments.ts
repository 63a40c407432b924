import type { TrainingArguments } from "@ettin/core";
import type { Recipe, RecipePhase } from "../recipe/recipe.ts";

/** The warm-up's first factor: 0, but for a rate that is never quite 0. */
const WARMUP_START = 1e-10;

/**
 * A phase in the trainer's words. Decisions about when to evaluate and to save count tokens and are not among them: see
 * `everyTokens`.
 *
 * A step has `globalBatchSize` sequences, in batches of a micro-batch per device; while the batch size warms up there are
 * fewer of these. On one device it is `maxTokensPerMicroBatch` that decides how many tokens are computed at once.
 */
export function phaseArguments(recipe: Recipe, phase: RecipePhase): Partial<TrainingArguments> {
  const { optimizer } = recipe;
  const { schedule } = phase;
  const rows = phase.microBatchSize * recipe.devices;
  const batches = recipe.globalBatchSize / rows;
  const warmsUp = phase.batchSizeWarmupTokens > 0 && batches > 1;
  return {
    perDeviceTrainBatchSize: rows,
    perDeviceEvalBatchSize: recipe.evalBatchSize,
    gradientAccumulationSteps: batches,
    batchSizeWarmup: warmsUp ? { tokens: phase.batchSizeWarmupTokens, from: 1 } : null,
    maxTokens: phase.tokens,
    learningRate: phase.learningRate,
    weightDecay: optimizer.weightDecay,
    adamBeta1: optimizer.betas[0],
    adamBeta2: optimizer.betas[1],
    adamEpsilon: optimizer.eps,
    optim: optimizer.name,
    optimArgs:
      optimizer.name === "stable_adamw"
        ? { decoupleLearningRate: optimizer.decoupled, maxLearningRate: optimizer.maxLearningRate }
        : {},
    maxGradNorm: optimizer.maxGradNorm,
    lrSchedulerType: "warmup_stable_decay",
    lrSchedulerKwargs: {
      numDecayTokens: schedule.decayTokens === "whole" ? phase.tokens : schedule.decayTokens,
      decayType: schedule.decay,
      minLrRatio: schedule.floor,
      warmupStart: WARMUP_START,
    },
    warmupTokens: schedule.warmupTokens,
    scheduleUnit: "tokens",
    bf16: recipe.precision === "bf16",
    seed: recipe.seed,
    dataSeed: recipe.shuffleSeed,
    dataloaderDropLast: true,
    evalStrategy: "no",
    saveStrategy: "no",
  };
}
