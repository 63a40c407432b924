/** What each key of a recipe file may be. A key is its path: "phases.*.schedule.floor", with a star for a phase's name. */
export interface RecipeKey {
  fits(value: unknown): boolean;
  /** For messages: "It has to be …". */
  readonly expected: string;
  /** Where no file gives it; without it the key is needed. */
  readonly default?: unknown;
  /** Counts tokens of the run, and shrinks with `scale`. */
  readonly scales?: true;
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const number = (fits: (value: number) => boolean, expected: string): RecipeKey => ({
  fits: (value) => isNumber(value) && fits(value),
  expected,
});
const whole = (least: number): RecipeKey =>
  number((value) => Number.isSafeInteger(value) && value >= least, `a whole number from ${least} on`);
const from0: RecipeKey = number((value) => value >= 0, "a number from 0 on");
const above0: RecipeKey = number((value) => value > 0, "a number above 0");
const share: RecipeKey = number((value) => value >= 0 && value < 1, "a number from 0 up to, but not including, 1");
const flag: RecipeKey = { fits: (value) => typeof value === "boolean", expected: "true or false" };
const text: RecipeKey = { fits: (value) => typeof value === "string" && value !== "", expected: "a text" };
const choice = (...options: string[]): RecipeKey => ({
  fits: (value) => options.includes(value as string),
  expected: `one of ${options.join(", ")}`,
});
const tokens = (least: number): RecipeKey => ({ ...whole(least), scales: true });
const size: RecipeKey = { ...whole(1), default: undefined };

const betas: RecipeKey = {
  fits: (value) => Array.isArray(value) && value.length === 2 && value.every((beta) => share.fits(beta)),
  expected: "two numbers from 0 up to, but not including, 1",
};
const decayTokens: RecipeKey = {
  fits: (value) => value === "whole" || whole(0).fits(value),
  expected: 'a whole number from 0 on, or "whole" for the whole phase',
  scales: true,
};

export const RECIPE_KEYS: Readonly<Record<string, RecipeKey>> = {
  name: text,
  "model.config": text,
  "model.vocabSize": size,
  "model.hiddenSize": size,
  "model.intermediateSize": size,
  "model.numHiddenLayers": size,
  "model.numAttentionHeads": size,
  "model.maxPositionEmbeddings": size,
  "model.slidingWindow": size,
  startFrom: { fits: (value) => value === null || text.fits(value), expected: "a folder or a name", default: null },
  objective: choice("mlm", "clm", "mntp"),
  attentionOutputDropout: { ...share, default: 0 },
  seed: { ...whole(0), default: 0 },
  shuffleSeed: { ...whole(0), default: 0 },
  precision: { ...choice("bf16", "fp32"), default: "bf16" },
  packing: { ...flag, default: false },
  maskRule: { ...choice("collator", "packed"), default: "collator" },
  evalMaskProbability: { ...share, default: 0.15 },
  globalBatchSize: whole(1),
  evalBatchSize: { ...whole(1), default: 128 },
  devices: { ...whole(1), default: 1 },
  "optimizer.name": { ...choice("stable_adamw", "adamw_torch"), default: "stable_adamw" },
  "optimizer.betas": betas,
  "optimizer.eps": from0,
  "optimizer.weightDecay": from0,
  "optimizer.decoupled": { ...flag, default: true },
  "optimizer.maxLearningRate": above0,
  "optimizer.maxGradNorm": { ...from0, default: 0 },
  "phases.*.data": { ...text, default: "data" },
  "phases.*.revision": choice("step", "ext", "decay"),
  "phases.*.tokens": tokens(1),
  "phases.*.maxSeqLen": whole(3),
  "phases.*.maskProbability": { ...share, default: 0.15 },
  "phases.*.learningRate": above0,
  "phases.*.schedule.warmupTokens": { ...tokens(0), default: 0 },
  "phases.*.schedule.decayTokens": decayTokens,
  "phases.*.schedule.decay": choice("linear", "1-sqrt"),
  "phases.*.schedule.floor": { ...number((v) => v >= 0 && v <= 1, "a number from 0 to 1"), default: 0 },
  "phases.*.batchSizeWarmupTokens": { ...tokens(0), default: 0 },
  "phases.*.microBatchSize": whole(1),
  "phases.*.checkpointTokens": tokens(1),
  "phases.*.ropeTheta.global": above0,
  "phases.*.ropeTheta.local": above0,
};

/** The rule of a key, and of a phase's key whatever the phase is called. */
export const ruleOf = (path: string): RecipeKey | undefined => {
  const starred = starredPath(path);
  return Object.hasOwn(RECIPE_KEYS, starred) ? RECIPE_KEYS[starred] : undefined;
};

/** "phases.decay.tokens" as "phases.*.tokens". */
export const starredPath = (path: string): string => path.replace(/^phases\.[^.]+/, "phases.*");
