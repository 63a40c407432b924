import { EngineError } from "../errors.ts";
import { closeName } from "../nearest-name.ts";
import { ARGUMENT_RULES, type ArgumentRules } from "./argument-rules.ts";
import { insteadOfArgument } from "./instead-arguments.ts";
import type { TrainingArguments } from "./training-arguments.ts";

export interface FillArgumentsOptions {
  /** Who asks, for messages. @default "TrainingArguments" */
  where?: string;
  /** A package's own defaults, in place of the reference's. */
  defaults?: Partial<TrainingArguments>;
  /** Whether there is something to evaluate: an evalDataset or an evaluator. Unknown where left out. */
  evaluates?: boolean;
  /** A package's own arguments, beside the others. */
  rules?: ArgumentRules;
}

const shown = (value: unknown): string => {
  const text = typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
};

/**
 * Arguments with nothing left open.
 *
 * @throws EngineError naming an unknown argument and what stands in its place or the nearest known one, or what contradicts what, with the numbers
 */
export function fillArguments(
  given: Partial<TrainingArguments>,
  { where = "TrainingArguments", defaults = {}, evaluates, rules = {} }: FillArgumentsOptions = {},
): TrainingArguments {
  const known: ArgumentRules = { ...ARGUMENT_RULES, ...rules };
  const filled: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(known)) filled[name] = rule.default;
  for (const [name, value] of [...Object.entries(defaults), ...Object.entries(given)]) {
    if (!Object.hasOwn(known, name)) {
      throw new EngineError(where, `there is no argument ${name}`, wayOutOf(name, Object.keys(known)));
    }
    if (value === undefined) continue;
    const rule = known[name]!;
    if (!rule.fits(value)) {
      throw new EngineError(where, `${name} is ${shown(value)}`, `It has to be ${rule.expected}.`);
    }
    filled[name] = value;
  }
  const args = filled as unknown as TrainingArguments;
  args.scheduleUnit ??= args.maxTokens === null ? "steps" : "tokens";
  args.evalSteps ??= args.loggingSteps;
  if (args.loadBestModelAtEnd || args.saveStrategy === "best") args.metricForBestModel ??= "loss";
  if (args.metricForBestModel) args.greaterIsBetter ??= !args.metricForBestModel.endsWith("loss");
  checkTogether(where, args, evaluates);
  return args;
}

/** The known name with the same letters, else what other trainers' argument is here, else one that may be meant. */
function wayOutOf(name: string, known: readonly string[]): string {
  const near = closeName(name, known);
  const exact = near?.toLowerCase() === name.replaceAll("_", "").toLowerCase();
  const instead = exact ? null : insteadOfArgument(name);
  return instead ?? (near ? `The nearest is ${near}.` : "TrainingArguments lists those that there are.");
}

/** What contradicts what. */
function checkTogether(where: string, args: TrainingArguments, evaluates: boolean | undefined): void {
  const refuse = (when: boolean, what: () => string, wayOut: string) => {
    if (when) throw new EngineError(where, what(), wayOut);
  };
  refuse(args.fp16 && args.bf16, () => "fp16 and bf16 are both true", "Keep one of them; fp16 runs as bf16 here.");
  const samplers = [
    ...(args.batchSampler === "batch_sampler" ? [] : [`batchSampler is "${args.batchSampler}"`]),
    ...(args.multiDatasetBatchSampler === "proportional"
      ? []
      : [`multiDatasetBatchSampler is "${args.multiDatasetBatchSampler}"`]),
  ];
  refuse(
    args.order !== null && samplers.length > 0,
    () => `order is ${shown(args.order)}, but ${samplers[0]}`,
    "The file says which rows make a batch: keep one of them.",
  );
  const { evalStrategy, evalSteps, saveStrategy, saveSteps, lrSchedulerType, scheduleUnit } = args;
  refuse(
    evalStrategy !== "no" && evaluates === false,
    () => `evalStrategy is "${evalStrategy}" but there is no evalDataset or evaluator`,
    'Pass one, or set evalStrategy: "no".',
  );
  refuse(
    (args.loadBestModelAtEnd || saveStrategy === "best") && evalStrategy === "no",
    () =>
      `${saveStrategy === "best" ? 'saveStrategy is "best"' : "loadBestModelAtEnd is true"} but evalStrategy is "no"`,
    'Set evalStrategy: "steps" or "epoch", so that there is something to choose by.',
  );
  if (args.loadBestModelAtEnd && saveStrategy !== "best") {
    refuse(
      evalStrategy !== saveStrategy,
      () => `loadBestModelAtEnd is true, but evalStrategy is "${evalStrategy}" and saveStrategy "${saveStrategy}"`,
      'Make them the same, or set saveStrategy: "best".',
    );
    refuse(
      evalStrategy === "steps" && Math.abs(saveSteps / evalSteps! - Math.round(saveSteps / evalSteps!)) > 1e-9,
      () => `loadBestModelAtEnd is true, but saveSteps ${saveSteps} is not a multiple of evalSteps ${evalSteps}`,
      "A checkpoint can be the best only where it was evaluated: make saveSteps a multiple.",
    );
  }
  const warmups = (["warmupSteps", "warmupRatio", "warmupTokens"] as const).filter((name) => args[name] > 0);
  refuse(
    warmups.length > 1,
    () => `the warm-up is given ${warmups.length} times: ${warmups.map((name) => `${name} ${args[name]}`).join(", ")}`,
    "Keep one of them.",
  );
  refuse(
    lrSchedulerType === "constant" && warmups.length > 0,
    () => `lrSchedulerType is "constant", but ${warmups[0]} is ${args[warmups[0]!]}`,
    'Use "constant_with_warmup", or no warm-up.',
  );
  refuse(
    scheduleUnit === "tokens" && args.warmupSteps >= 1,
    () => `scheduleUnit is "tokens", but warmupSteps is ${args.warmupSteps}`,
    'Use warmupTokens or warmupRatio, or scheduleUnit: "steps".',
  );
  refuse(
    scheduleUnit === "steps" && args.warmupTokens > 0,
    () => `warmupTokens is ${args.warmupTokens}, but scheduleUnit is "steps"`,
    'Use warmupSteps or warmupRatio, or scheduleUnit: "tokens".',
  );
  refuse(
    scheduleUnit === "tokens" && args.maxTokens === null && !/^constant|^inverse_sqrt$/.test(lrSchedulerType),
    () => `scheduleUnit is "tokens" and lrSchedulerType "${lrSchedulerType}", but maxTokens is null`,
    "Set maxTokens: that is where the schedule ends.",
  );
  refuse(
    args.batchSizeWarmup !== null && args.maxTokens === null && args.maxSteps === -1,
    () => `batchSizeWarmup is set, and numTrainEpochs ${args.numTrainEpochs} is the only end of the run`,
    "Set maxTokens or maxSteps: the number of steps in an epoch is not known beforehand.",
  );
  refuse(
    args.batchSizeWarmup !== null && (args.batchSizeWarmup.from ?? 1) > args.gradientAccumulationSteps,
    () =>
      `batchSizeWarmup goes from ${args.batchSizeWarmup!.from} batches to gradientAccumulationSteps ` +
      `${args.gradientAccumulationSteps}`,
    "Start with fewer than it ends with.",
  );
}
