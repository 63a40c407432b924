import { EngineError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";
import type { SchedulerOptions, SchedulerType } from "./training-arguments.ts";

const TAKES: Readonly<Record<SchedulerType, readonly (keyof SchedulerOptions)[]>> = {
  constant: [],
  constant_with_warmup: [],
  linear: [],
  cosine: ["numCycles"],
  cosine_with_restarts: ["numCycles"],
  cosine_with_min_lr: ["numCycles", "minLr", "minLrRate"],
  polynomial: ["power", "lrEnd"],
  inverse_sqrt: ["timescale"],
  warmup_stable_decay: ["numDecaySteps", "numDecayTokens", "decayType", "minLrRatio", "warmupStart"],
};

const DECAY_TYPES: readonly SchedulerOptions["decayType"][] = ["linear", "1-sqrt", "cosine"];

/** Throws for an option that the schedule does not take, and for a value that it cannot have. */
export function checkSchedulerOptions(type: SchedulerType, options: SchedulerOptions): void {
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
      name === "decayType"
        ? DECAY_TYPES.includes(value as SchedulerOptions["decayType"])
        : Number.isFinite(value) && (value as number) >= 0;
    if (!fits) {
      throw new EngineError(
        "lrSchedulerKwargs",
        `${name} is ${JSON.stringify(value)}`,
        name === "decayType" ? `It has to be one of ${DECAY_TYPES.join(", ")}.` : "It has to be 0 or more.",
      );
    }
  }
}
