import { EngineError } from "../errors.ts";
import type { PackedTokens } from "../tokenizer/packed-tokens.ts";
import type { CausalModel } from "./causal-model.ts";
import { encodePrompt } from "./encode-prompt.ts";
import { CALL_OPTIONS, type GenerateOptions } from "./generate-options.ts";
import { checkSettings, GenerationConfig } from "./generation-config.ts";
import { type Processors, processorsOf } from "./processors.ts";
import { type ResolvedSettings, resolveSettings } from "./resolve-settings.ts";
import { GrowingHistory } from "./score-processor.ts";
import { StopStrings } from "./stop-strings.ts";

/** Prompts: texts (with a tokenizer), lists of ids, or a packed batch. */
export type Prompts = string | readonly string[] | readonly ArrayLike<number>[] | PackedTokens;

/** New tokens where neither the caller nor the checkpoint says how many. */
const DEFAULT_NEW_TOKENS = 20;

/** One call, checked: what the loops of generation work from. */
export interface GenerationRequest {
  readonly where: string;
  readonly model: CausalModel;
  readonly settings: ResolvedSettings;
  readonly processors: Processors;
  /** `[prompts]`, nothing generated yet. */
  readonly prompts: readonly GrowingHistory[];
  readonly stop: StopStrings | null;
  readonly seed: number;
  readonly options: GenerateOptions;
}

export function prepareRequest(
  where: string,
  model: CausalModel,
  prompts: Prompts,
  options: GenerateOptions,
): GenerationRequest {
  checkSettings(where, options, CALL_OPTIONS);
  const { config } = model;
  const settings = resolveSettings(
    where,
    pickSettings(options),
    model.generationConfig ? GenerationConfig.fromJson(model.generationConfig, model.generationConfigFile) : null,
    config,
    options.generationConfig ?? null,
  );
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new EngineError(where, `seed is ${seed}`, "Give a whole number from 0 on.");
  }
  const ids = idsOf(where, prompts, options, settings.eos).map((prompt, i) =>
    checkedIds(where, prompt, i, settings, config),
  );
  const histories = ids.map(
    (prompt, i) => new GrowingHistory(prompt, roomFor(where, prompt.length, i, settings, config.maxPositionEmbeddings)),
  );
  const { stopStrings } = settings;
  const stop = stopStrings.length > 0 ? new StopStrings(stopStrings, tokenizerOf(where, options)) : null;
  const { logitsProcessors = [] } = options;
  if (!Array.isArray(logitsProcessors) || !logitsProcessors.every((process) => typeof process === "function")) {
    throw new EngineError(where, "logitsProcessors is no list of functions", "Pass [(scores, history) => { … }].");
  }
  const processors = processorsOf(settings, logitsProcessors);
  return { where, model, settings, processors, prompts: histories, stop, seed, options };
}

/** The settings among the options, without the options of the call. */
function pickSettings(options: GenerateOptions): GenerateOptions {
  const own = new Set<string>(CALL_OPTIONS);
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => !own.has(name) && value !== undefined));
}

function tokenizerOf(where: string, { tokenizer }: GenerateOptions): NonNullable<GenerateOptions["tokenizer"]> {
  if (tokenizer) return tokenizer;
  throw new EngineError(where, "texts were given but no tokenizer", "Pass { tokenizer }.");
}

function idsOf(where: string, prompts: Prompts, options: GenerateOptions, eos: readonly number[]): ArrayLike<number>[] {
  if (typeof prompts === "string") return idsOf(where, [prompts], options, eos);
  if (!Array.isArray(prompts)) {
    const { tokens, offsets } = (prompts ?? {}) as PackedTokens;
    if (!(tokens instanceof Int32Array) || !(offsets instanceof Int32Array)) {
      throw new EngineError(where, "the prompts are no texts, lists of ids or packed batch", "Pass [[1, 2, 3]].");
    }
    return Array.from({ length: offsets.length - 1 }, (_, b) => tokens.subarray(offsets[b]!, offsets[b + 1]!));
  }
  return (prompts as readonly (string | ArrayLike<number>)[]).map((prompt, i) => {
    if (typeof prompt === "string") return encodePrompt(where, prompt, tokenizerOf(where, options), options, eos);
    if (typeof prompt === "object" && typeof prompt?.length === "number") return prompt;
    throw new EngineError(where, `prompt ${i} is ${String(prompt)}`, "Pass a list of prompts: [[1, 2, 3]].");
  });
}

/** An empty prompt becomes a bos; every id must be in the vocabulary. */
function checkedIds(
  where: string,
  prompt: ArrayLike<number>,
  i: number,
  { bosTokenId }: ResolvedSettings,
  { vocabSize }: CausalModel["config"],
): ArrayLike<number> {
  if (prompt.length === 0) {
    if (bosTokenId !== null) return [bosTokenId];
    throw new EngineError(where, `prompt ${i} is empty and there is no bos token`, "Pass one token, or bosTokenId.");
  }
  for (let t = 0; t < prompt.length; t++) {
    const id = prompt[t]!;
    if (Number.isInteger(id) && id >= 0 && id < vocabSize) continue;
    throw new EngineError(
      where,
      `id ${id} at place ${t} of prompt ${i} is not in the vocabulary, which has ${vocabSize} entries`,
      "Use the tokenizer that belongs to the model.",
    );
  }
  return prompt;
}

/** The most new tokens behind a prompt. */
function roomFor(
  where: string,
  length: number,
  i: number,
  { maxNewTokens, maxLength }: ResolvedSettings,
  positions: number,
): number {
  if (length >= positions) {
    throw new EngineError(
      where,
      `prompt ${i} has ${length} tokens, but the model takes ${positions}, new ones included`,
      "Cut the prompt.",
    );
  }
  if (maxNewTokens === null && maxLength !== null && length >= maxLength) {
    throw new EngineError(
      where,
      `prompt ${i} has ${length} tokens, but maxLength is ${maxLength}, prompt included`,
      "Raise maxLength, or set maxNewTokens.",
    );
  }
  const wanted = maxNewTokens ?? (maxLength === null ? DEFAULT_NEW_TOKENS : maxLength - length);
  return Math.min(wanted, positions - length);
}
