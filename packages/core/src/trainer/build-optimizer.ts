import { EngineError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";
import { AdamW } from "../optim/adamw.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { parameterGroups } from "../optim/parameter-groups.ts";
import { StableAdamW } from "../optim/stable-adamw.ts";
import type { NamedTensor } from "./load-into.ts";
import type { TrainingArguments } from "./training-arguments.ts";

const STABLE_OPTIONS = ["decoupleLearningRate", "maxLearningRate"];

/** The optimizer that the arguments name, with its groups. */
export function buildOptimizer(args: TrainingArguments, parameters: readonly NamedTensor[]): Optimizer {
  const { learningRate, weightDecay, adamBeta1, adamBeta2, adamEpsilon: eps, optim, optimArgs } = args;
  for (const name of Object.keys(optimArgs)) {
    if (optim !== "stable_adamw") {
      throw new EngineError("optimArgs", `${name} is given, but optim "${optim}" takes no options`, "Leave it out.");
    }
    if (!STABLE_OPTIONS.includes(name)) {
      const near = nearestName(name, STABLE_OPTIONS);
      throw new EngineError("optimArgs", `there is no option ${name}`, `The nearest is ${near}.`);
    }
  }
  const { learningRateMapping } = args;
  const groups = parameterGroups(parameters, { weightDecay, learningRateMapping });
  const options = { learningRate, weightDecay, betas: [adamBeta1, adamBeta2] as const, eps };
  return optim === "stable_adamw" ? new StableAdamW(groups, { ...options, ...optimArgs }) : new AdamW(groups, options);
}
