import { EngineError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";
import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  type Schedule,
  warmupStableDecaySchedule,
} from "../optim/schedule.ts";
import type { SchedulerOptions, SchedulerType, TrainingArguments } from "./training-arguments.ts";

const TAKES: Readonly<Record<SchedulerType, readonly (keyof SchedulerOptions)[]>> = {
  constant: [],
  constant_with_warmup: [],
  linear: [],
  cosine: ["numCycles"],
  warmup_stable_decay: ["numDecaySteps", "numDecayTokens", "decayType", "minLrRatio", "warmupStart"],
};

const SHAPES = { linear: "linear", "1-sqrt": "one-minus-sqrt", cosine: "cosine" } as const;

/**
 * The schedule that the arguments name, in steps or tokens from 0, as the reference defines it.
 *
 * @param steps of the whole run; null where `maxTokens` ends it
 */
export function scheduleOf(args: TrainingArguments, steps: number | null): Schedule {
  const { lrSchedulerType: type, lrSchedulerKwargs: options, scheduleUnit } = args;
  checkOptions(type, options);
  const inTokens = scheduleUnit === "tokens";
  const end = inTokens ? args.maxTokens : steps;
  if (type === "constant") return constantSchedule();
  const shareOf = (share: number, name: string) => Math.ceil(share * needed(end, name, type));
  const warmup =
    args.warmupRatio > 0
      ? shareOf(args.warmupRatio, "warmupRatio")
      : args.warmupSteps > 0 && args.warmupSteps < 1
        ? shareOf(args.warmupSteps, "warmupSteps")
        : inTokens
          ? args.warmupTokens
          : args.warmupSteps;
  if (type === "constant_with_warmup") return constantSchedule({ warmup });
  const total = needed(end, "lrSchedulerType", type);
  if (type === "linear") return linearSchedule({ warmup, total });
  const { numCycles = 0.5, decayType = "cosine", minLrRatio = 0, warmupStart = minLrRatio } = options;
  if (type === "cosine") return cosineSchedule({ warmup, total, cycles: numCycles });
  const decay = decayOf(options, inTokens);
  return warmupStableDecaySchedule({
    warmup,
    decay,
    total,
    floor: minLrRatio,
    start: warmupStart,
    shape: SHAPES[decayType],
  });
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

function checkOptions(type: SchedulerType, options: SchedulerOptions): void {
  const known = [...new Set(Object.values(TAKES).flat())];
  for (const [name, value] of Object.entries(options)) {
    if (!known.includes(name as keyof SchedulerOptions)) {
      throw new EngineError(
        "lrSchedulerKwargs",
        `there is no option ${name}`,
        `The nearest is ${nearestName(name, known)}.`,
      );
    }
    if (!TAKES[type].includes(name as keyof SchedulerOptions)) {
      throw new EngineError(
        "lrSchedulerKwargs",
        `${name} is ${JSON.stringify(value)}, but lrSchedulerType "${type}" does not take it`,
        TAKES[type].length ? `It takes ${TAKES[type].join(", ")}.` : "It takes none.",
      );
    }
    const fits =
      name === "decayType" ? Object.hasOwn(SHAPES, String(value)) : Number.isFinite(value) && (value as number) >= 0;
    if (!fits) {
      throw new EngineError(
        "lrSchedulerKwargs",
        `${name} is ${JSON.stringify(value)}`,
        name === "decayType" ? `It has to be one of ${Object.keys(SHAPES).join(", ")}.` : "It has to be 0 or more.",
      );
    }
  }
}

function needed(end: number | null, name: string, type: SchedulerType): number {
  if (end !== null) return end;
  throw new EngineError(
    "train",
    `${name === "lrSchedulerType" ? `lrSchedulerType "${type}"` : `${name} of "${type}"`} needs the end of the run in steps, but maxTokens ends it`,
    'Set scheduleUnit: "tokens", or maxSteps.',
  );
}
