import type { TrainingArguments } from "./training-arguments.ts";

/** Whether a resumed run may have another value: not at all, freely, or a larger one. */
type OnResume = "same" | "free" | "larger";

/** What one argument may be. */
export interface ArgumentRule<T> {
  readonly default: T;
  fits(value: unknown): boolean;
  /** For messages: "It has to be …". */
  readonly expected: string;
  readonly onResume: OnResume;
}

/** Rules of arguments by name. */
export type ArgumentRules = Readonly<Record<string, ArgumentRule<unknown>>>;

type Rules = { readonly [K in keyof TrainingArguments]: ArgumentRule<TrainingArguments[K]> };

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isWhole = (least: number) => (value: unknown) => Number.isSafeInteger(value) && (value as number) >= least;
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function rule<T>(
  value: T,
  fits: (value: unknown) => boolean,
  expected: string,
  onResume: OnResume = "same",
): ArgumentRule<T> {
  return { default: value, fits, expected, onResume };
}

const whole = (value: number, least: number, onResume?: OnResume) =>
  rule(value, isWhole(least), `a whole number from ${least} on`, onResume);
const real = (value: number, fits: (value: number) => boolean, expected: string, onResume?: OnResume) =>
  rule(value, (given) => isNumber(given) && fits(given), expected, onResume);
const flag = (onResume?: OnResume) => rule(false, (value) => typeof value === "boolean", "true or false", onResume);
const choice = <const T extends string>(value: T, options: readonly T[], onResume?: OnResume): ArgumentRule<T> =>
  rule(value, (given) => options.includes(given as T), `one of ${options.map((o) => `"${o}"`).join(", ")}`, onResume);
function orNull<T>({ default: _, fits, expected, onResume }: ArgumentRule<T>): ArgumentRule<T | null> {
  return rule<T | null>(null, (value) => value === null || fits(value), `${expected}, or null`, onResume);
}

const REPORTERS = ["progress", "metrics", "tensorboard", "html"] as const;
const SCHEDULERS = [
  ...(["constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "cosine_with_min_lr"] as const),
  ...(["polynomial", "inverse_sqrt", "warmup_stable_decay"] as const),
] as const;
const atLeastZero = (value: number) => value >= 0;
const interval = (value: number) =>
  real(value, (x) => (x > 0 && x < 1) || isWhole(1)(x), "a whole number from 1 on, or a share below 1", "free");
const beta = (value: number) => real(value, (x) => x >= 0 && x < 1, "a number from 0 up to, but not including, 1");
const isRate = (value: unknown) => isNumber(value) && value >= 0;

const RULES: Rules = {
  outputDir: rule("trainer_output", (v) => typeof v === "string" && v !== "", "a folder's path", "free"),
  overwriteOutputDir: flag("free"),
  perDeviceTrainBatchSize: whole(8, 1),
  perDeviceEvalBatchSize: whole(8, 1, "free"),
  gradientAccumulationSteps: whole(1, 1),
  maxTokensPerMicroBatch: orNull(whole(1, 1, "free")),
  gradientCheckpointing: flag("free"),
  batchSizeWarmup: rule<TrainingArguments["batchSizeWarmup"]>(
    null,
    (v) => v === null || (isRecord(v) && isWhole(0)(v.tokens) && (v.from === undefined || isWhole(1)(v.from))),
    "{ tokens, from }, whole numbers, or null",
  ),
  numTrainEpochs: real(3, (x) => x > 0, "a number above 0", "larger"),
  maxSteps: rule(-1, (v) => v === -1 || isWhole(1)(v), "a whole number from 1 on, or -1 for none", "larger"),
  maxTokens: orNull(whole(1, 1, "larger")),
  learningRate: real(5e-5, atLeastZero, "a number from 0 on"),
  weightDecay: real(0, atLeastZero, "a number from 0 on"),
  adamBeta1: beta(0.9),
  adamBeta2: beta(0.999),
  adamEpsilon: real(1e-8, atLeastZero, "a number from 0 on"),
  optim: choice("adamw_torch", ["adamw_torch", "adamw_torch_fused", "stable_adamw"]),
  optimArgs: rule({}, isRecord, "an object with decoupleLearningRate and maxLearningRate"), // its fields: build-optimizer.ts
  maxGradNorm: real(1, atLeastZero, "a number from 0 on; 0 is no limit"),
  learningRateMapping: rule(
    {},
    (v) => isRecord(v) && Object.values(v).every(isRate),
    "an object of learning rates by regular expression",
  ),
  lrSchedulerType: choice("linear", SCHEDULERS),
  lrSchedulerKwargs: rule({}, isRecord, "an object"),
  warmupSteps: real(0, (x) => (x >= 0 && x < 1) || isWhole(0)(x), "a whole number from 0 on, or a share below 1"),
  warmupRatio: real(0, (x) => x >= 0 && x <= 1, "a number from 0 to 1"),
  warmupTokens: whole(0, 0),
  scheduleUnit: orNull(choice("steps", ["steps", "tokens"])),
  bf16: flag(),
  fp16: flag(),
  seed: whole(42, 0),
  dataSeed: orNull(whole(0, 0)),
  batchSampler: choice("batch_sampler", ["batch_sampler", "no_duplicates", "no_duplicates_hashed", "group_by_label"]),
  multiDatasetBatchSampler: choice("proportional", ["proportional", "round_robin"]),
  order: orNull(rule("", (v) => typeof v === "string" && v !== "", "a file's path")),
  dataloaderDropLast: flag(),
  dataloaderNumWorkers: whole(0, 0, "free"),
  loggingStrategy: choice("steps", ["no", "steps", "epoch"], "free"),
  loggingSteps: interval(500),
  loggingFirstStep: flag("free"),
  report: rule<TrainingArguments["report"]>(
    REPORTERS,
    (v) => Array.isArray(v) && v.every((name) => REPORTERS.includes(name)),
    `a list of ${REPORTERS.map((name) => `"${name}"`).join(", ")}`,
    "free",
  ),
  evalStrategy: choice("no", ["no", "steps", "epoch"], "free"),
  evalSteps: orNull(interval(500)),
  evalDelay: real(0, atLeastZero, "a number from 0 on", "free"),
  evalOnStart: flag("free"),
  saveStrategy: choice("steps", ["no", "steps", "epoch", "best"], "free"),
  saveSteps: interval(500),
  saveTotalLimit: orNull(whole(1, 1, "free")),
  loadBestModelAtEnd: flag("free"),
  metricForBestModel: orNull(rule("", (v) => typeof v === "string" && v !== "", "a metric's name", "free")),
  greaterIsBetter: orNull(flag("free")),
  handleSignals: flag("free"),
};

/** What each argument may be, by name. */
export const ARGUMENT_RULES: Rules = { ...RULES, handleSignals: { ...RULES.handleSignals, default: true } };
