import { EngineError } from "../errors.ts";
import { nearestName } from "../nearest-name.ts";
import { AdamW } from "../optim/adamw.ts";
import type { Optimizer } from "../optim/optimizer.ts";
import { parameterGroups } from "../optim/parameter-groups.ts";
import { StableAdamW } from "../optim/stable-adamw.ts";
import type { NamedTensor } from "./load-into.ts";
import type { TrainingArguments } from "./training-arguments.ts";

const STABLE_OPTIONS: Readonly<Record<string, { fits(value: unknown): boolean; expected: string }>> = {
  decoupleLearningRate: { fits: (value) => typeof value === "boolean", expected: "true or false" },
  maxLearningRate: {
    fits: (value) => typeof value === "number" && Number.isFinite(value) && value > 0,
    expected: "a number above 0",
  },
};

/** The optimizer that the arguments name, with its groups. */
export function buildOptimizer(args: TrainingArguments, parameters: readonly NamedTensor[]): Optimizer {
  const { learningRate, weightDecay, adamBeta1, adamBeta2, adamEpsilon: eps, optim, optimArgs } = args;
  for (const [name, value] of Object.entries(optimArgs)) {
    if (optim !== "stable_adamw") {
      throw new EngineError("optimArgs", `${name} is given, but optim "${optim}" takes no options`, "Leave it out.");
    }
    const option = Object.hasOwn(STABLE_OPTIONS, name) ? STABLE_OPTIONS[name] : undefined;
    if (!option) {
      const near = nearestName(name, Object.keys(STABLE_OPTIONS));
      throw new EngineError("optimArgs", `there is no option ${name}`, `The nearest is ${near}.`);
    }
    if (value !== undefined && !option.fits(value)) {
      throw new EngineError("optimArgs", `${name} is ${JSON.stringify(value)}`, `It has to be ${option.expected}.`);
    }
  }
  const { learningRateMapping } = args;
  const groups = parameterGroups(parameters, { weightDecay, learningRateMapping });
  const options = { learningRate, weightDecay, betas: [adamBeta1, adamBeta2] as const, eps };
  return optim === "stable_adamw" ? new StableAdamW(groups, { ...options, ...optimArgs }) : new AdamW(groups, options);
}
