import { EngineError } from "../errors.ts";
import { badOption, badValue, GenerationConfig } from "./generation-config.ts";
import { type GenerationSettings, RULES, SAMPLING } from "./generation-options.ts";
import type { SequenceBias } from "./sequence-rules.ts";

/** The settings of one call, with nothing left open. */
export interface ResolvedSettings {
  readonly doSample: boolean;
  readonly maxNewTokens: number | null;
  readonly maxLength: number | null;
  readonly minNewTokens: number;
  readonly minLength: number;
  /** Empty: no token ends a sequence. */
  readonly eos: readonly number[];
  readonly padTokenId: number | null;
  readonly bosTokenId: number | null;
  readonly stopStrings: readonly string[];
  readonly maxTime: number | null;
  readonly numReturnSequences: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number | null;
  readonly typicalP: number;
  readonly epsilonCutoff: number;
  readonly etaCutoff: number;
  readonly repetitionPenalty: number;
  readonly noRepeatNgramSize: number;
  readonly badWordsIds: readonly (readonly number[])[] | null;
  readonly sequenceBias: readonly SequenceBias[] | null;
  readonly suppressTokens: readonly number[] | null;
  readonly beginSuppressTokens: readonly number[] | null;
  readonly forcedBosTokenId: number | null;
  /** Empty: none is forced. */
  readonly forcedEos: readonly number[];
  readonly exponentialDecayLengthPenalty: readonly [number, number] | null;
  readonly removeInvalidValues: boolean;
  readonly renormalizeLogits: boolean;
  readonly numBeams: number;
  readonly lengthPenalty: number;
  readonly earlyStopping: boolean | "never";
}

interface ModelIds {
  readonly vocabSize: number;
  readonly bosTokenId: number | null;
  readonly eosTokenId: number | readonly number[] | null;
  readonly padTokenId: number | null;
}

const list = <T>(value: T | readonly T[] | null | undefined): readonly T[] =>
  value == null ? [] : Array.isArray(value) ? value : [value as T];

/**
 * The caller's options over the settings that they supply over the checkpoint's (without a file of its own, the special
 * tokens of `config.json`) over the defaults. A caller's null unsets what the checkpoint set; undefined leaves it.
 */
export function resolveSettings(
  where: string,
  options: GenerationSettings,
  checkpoint: GenerationConfig | null | undefined,
  model: ModelIds,
  supplied: GenerationConfig | null = null,
): ResolvedSettings {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const below = checkpoint ?? GenerationConfig.fromModelConfig(model);
  const s: GenerationSettings = { ...below.settings, ...supplied?.settings, ...given };
  for (const name of s.doSample ? SAMPLING : []) {
    if (s[name] == null || RULES[name].fits(s[name])) continue;
    if (name in given) throw badOption(where, name, s[name]);
    throw badValue(where, name, (supplied && name in supplied.settings ? supplied : below).file, s[name]);
  }
  const eos = [...new Set(list(s.eosTokenId))];
  const settings: ResolvedSettings = {
    doSample: s.doSample ?? false,
    maxNewTokens: s.maxNewTokens ?? null,
    maxLength: s.maxLength ?? null,
    minNewTokens: s.minNewTokens ?? 0,
    minLength: s.minNewTokens != null ? 0 : (s.minLength ?? 0), // new tokens are counted instead
    eos,
    padTokenId: s.padTokenId ?? eos[0] ?? null,
    bosTokenId: s.bosTokenId ?? null,
    stopStrings: list(s.stopStrings),
    maxTime: s.maxTime ?? null,
    numReturnSequences: s.numReturnSequences ?? 1,
    temperature: s.temperature ?? 1,
    topK: s.topK === null ? 0 : (s.topK ?? 50),
    topP: s.topP ?? 1,
    minP: s.minP ?? null,
    typicalP: s.typicalP ?? 1,
    epsilonCutoff: s.epsilonCutoff ?? 0,
    etaCutoff: s.etaCutoff ?? 0,
    repetitionPenalty: s.repetitionPenalty ?? 1,
    noRepeatNgramSize: s.noRepeatNgramSize ?? 0,
    badWordsIds: s.badWordsIds ?? null,
    sequenceBias: s.sequenceBias ?? null,
    suppressTokens: s.suppressTokens ?? null,
    beginSuppressTokens: s.beginSuppressTokens ?? null,
    forcedBosTokenId: s.forcedBosTokenId ?? null,
    forcedEos: list(s.forcedEosTokenId),
    exponentialDecayLengthPenalty: s.exponentialDecayLengthPenalty ?? null,
    removeInvalidValues: s.removeInvalidValues ?? false,
    renormalizeLogits: s.renormalizeLogits ?? false,
    numBeams: s.numBeams ?? 1,
    lengthPenalty: s.lengthPenalty ?? 1,
    earlyStopping: s.earlyStopping ?? false,
  };
  checkTogether(where, settings, model.vocabSize);
  return settings;
}

/** What no single setting shows. */
function checkTogether(where: string, s: ResolvedSettings, vocabSize: number): void {
  if (s.numReturnSequences > 1 && !s.doSample && s.numBeams === 1) {
    throw new EngineError(
      where,
      `numReturnSequences is ${s.numReturnSequences}, and the best continuation is always the same`,
      "Set doSample: true, or numBeams.",
    );
  }
  if (s.numBeams > 1 && s.numReturnSequences > s.numBeams) {
    throw new EngineError(
      where,
      `numReturnSequences is ${s.numReturnSequences}, but numBeams is ${s.numBeams}`,
      "Keep at least as many beams as sequences are returned.",
    );
  }
  const named: [string, readonly number[]][] = [
    ["badWordsIds", (s.badWordsIds ?? []).flat()],
    ["sequenceBias", (s.sequenceBias ?? []).flatMap(({ ids }) => ids)],
    ["forcedBosTokenId", list(s.forcedBosTokenId)],
    ["forcedEosTokenId", s.forcedEos],
  ];
  for (const [name, ids] of named) {
    const outside = ids.find((id) => id >= vocabSize);
    if (outside !== undefined) {
      throw new EngineError(where, `${name} holds ${outside}, but there are ${vocabSize} ids`, "Use ids of the model.");
    }
  }
  if (s.suppressTokens && s.forcedEos.length > 0 && s.forcedEos.every((id) => s.suppressTokens!.includes(id))) {
    throw new EngineError(
      where,
      `suppressTokens rules out ${s.forcedEos.join(", ")}, which forcedEosTokenId forces`,
      "Take it out of one of them.",
    );
  }
}
