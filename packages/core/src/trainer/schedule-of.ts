import { EngineError } from "../errors.ts";
import {
  constantSchedule,
  cosineSchedule,
  cosineWithRestartsSchedule,
  inverseSqrtSchedule,
  linearSchedule,
  polynomialSchedule,
  type Schedule,
  warmupStableDecaySchedule,
} from "../schedules/index.ts";
import { checkSchedulerOptions } from "./scheduler-options.ts";
import type { SchedulerOptions, SchedulerType, TrainingArguments } from "./training-arguments.ts";

const SHAPES = { linear: "linear", "1-sqrt": "one-minus-sqrt", cosine: "cosine" } as const;

/** As Transformers has them, in steps. */
const USUAL_TIMESCALE = 10_000;
const USUAL_LR_END = 1e-7;

/**
 * The schedule that the arguments name, in steps or tokens from 0, as the reference defines it.
 *
 * @param steps of the whole run; null where `maxTokens` ends it
 */
export function scheduleOf(args: TrainingArguments, steps: number | null): Schedule {
  const { lrSchedulerType: type, lrSchedulerKwargs: options, scheduleUnit } = args;
  checkSchedulerOptions(type, options);
  const inTokens = scheduleUnit === "tokens";
  const end = inTokens ? args.maxTokens : steps;
  if (type === "constant") return constantSchedule();
  const warmup = warmupOf(args, end);
  if (type === "constant_with_warmup") return constantSchedule({ warmup });
  if (type === "inverse_sqrt") {
    return inverseSqrtSchedule({ warmup, timescale: options.timescale ?? (warmup || usualTimescale(inTokens)) });
  }
  const total = needed(end, "lrSchedulerType", type);
  switch (type) {
    case "linear":
      return linearSchedule({ warmup, total });
    case "cosine":
      return cosineSchedule({ warmup, total, cycles: options.numCycles ?? 0.5 });
    case "cosine_with_min_lr":
      return cosineSchedule({ warmup, total, cycles: options.numCycles ?? 0.5, floor: leastRate(args) });
    case "cosine_with_restarts":
      return cosineWithRestartsSchedule({ warmup, total, cycles: options.numCycles ?? 1 });
    case "polynomial":
      return polynomialSchedule({ warmup, total, power: options.power ?? 1, floor: lastRate(args) });
    case "warmup_stable_decay": {
      const { decayType = "cosine", minLrRatio: floor = 0, warmupStart: start = floor } = options;
      const decay = decayOf(options, inTokens);
      return warmupStableDecaySchedule({ warmup, decay, total, floor, start, shape: SHAPES[decayType] });
    }
  }
}

/** @param end of the run, in the schedule's unit */
function warmupOf(args: TrainingArguments, end: number | null): number {
  const { lrSchedulerType: type, scheduleUnit, warmupRatio, warmupSteps, warmupTokens } = args;
  const shareOf = (share: number, name: string) => Math.ceil(share * needed(end, name, type));
  if (warmupRatio > 0) return shareOf(warmupRatio, "warmupRatio");
  if (warmupSteps > 0 && warmupSteps < 1) return shareOf(warmupSteps, "warmupSteps");
  return scheduleUnit === "tokens" ? warmupTokens : warmupSteps;
}

function usualTimescale(inTokens: boolean): number {
  if (!inTokens) return USUAL_TIMESCALE;
  throw new EngineError(
    "lrSchedulerKwargs",
    "inverse_sqrt in tokens has neither a warm-up nor a timescale",
    "Give warmupTokens or timescale.",
  );
}

/** What is left of the rate at the end of "cosine_with_min_lr". */
function leastRate({ lrSchedulerKwargs: { minLr, minLrRate }, learningRate }: TrainingArguments): number {
  if ((minLr === undefined) === (minLrRate === undefined)) {
    throw new EngineError(
      "lrSchedulerKwargs",
      `cosine_with_min_lr has ${minLr === undefined ? "neither minLr nor minLrRate" : "both minLr and minLrRate"}`,
      "Give one of them.",
    );
  }
  return minLrRate ?? shareOfRate("minLr", minLr!, learningRate);
}

/** The same of "polynomial". */
const lastRate = ({ lrSchedulerKwargs: { lrEnd = USUAL_LR_END }, learningRate }: TrainingArguments): number =>
  shareOfRate("lrEnd", lrEnd, learningRate);

function shareOfRate(name: string, rate: number, learningRate: number): number {
  if (rate < learningRate) return rate / learningRate;
  throw new EngineError(
    "lrSchedulerKwargs",
    `${name} is ${rate}, but learningRate ${learningRate}`,
    `The rate falls to ${name}: make it smaller.`,
  );
}

function decayOf({ numDecaySteps, numDecayTokens }: SchedulerOptions, inTokens: boolean): number {
  const decay = inTokens ? numDecayTokens : numDecaySteps;
  const [name, other] = inTokens ? ["numDecayTokens", "numDecaySteps"] : ["numDecaySteps", "numDecayTokens"];
  if (decay === undefined || (inTokens ? numDecaySteps : numDecayTokens) !== undefined) {
    throw new EngineError(
      "lrSchedulerKwargs",
      `warmup_stable_decay in ${inTokens ? "tokens" : "steps"} has ${decay === undefined ? `no ${name}` : other}`,
      `Give ${name}, and not ${other}; 0 never falls.`,
    );
  }
  return decay;
}

function needed(end: number | null, name: string, type: SchedulerType): number {
  if (end !== null) return end;
  throw new EngineError(
    "train",
    `${name === "lrSchedulerType" ? `lrSchedulerType "${type}"` : `${name} of "${type}"`} needs the end of the run in steps, but maxTokens ends it`,
    'Set scheduleUnit: "tokens", or maxSteps.',
  );
}
