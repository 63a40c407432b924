import type { ResolvedSettings } from "./resolve-settings.ts";
import type { History, ScoreProcessor, ScoreWarper } from "./score-processor.ts";
import * as rules from "./sequence-rules.ts";
import * as warpers from "./warpers.ts";

/** What happens to scores before a token is chosen, in the order of transformers 5. */
export interface Processors {
  /** These see the sequence and the scores of the whole vocabulary. */
  readonly rules: readonly ScoreProcessor[];
  /** Before the k best are looked for: it changes no order. */
  readonly temperature: ScoreWarper | null;
  /** 0: all. */
  readonly topK: number;
  /** Behind `topK`. */
  readonly warpers: readonly ScoreWarper[];
}

/** @param custom processors of the caller's, which come behind the rules */
export function processorsOf(settings: ResolvedSettings, custom: readonly ScoreProcessor[] = []): Processors {
  const { eos } = settings;
  const list: (ScoreProcessor | false)[] = [
    !!settings.sequenceBias && rules.sequenceBias(settings.sequenceBias),
    settings.repetitionPenalty !== 1 && rules.repetitionPenalty(settings.repetitionPenalty),
    settings.noRepeatNgramSize > 0 && rules.noRepeatNgrams(settings.noRepeatNgramSize),
    !!settings.badWordsIds && rules.badWords(settings.badWordsIds, eos),
    settings.minLength > 0 && eos.length > 0 && rules.minLength(settings.minLength, eos),
    settings.minNewTokens > 0 && eos.length > 0 && rules.minNewTokens(settings.minNewTokens, eos),
    settings.forcedBosTokenId !== null && rules.forcedBos(settings.forcedBosTokenId),
    settings.forcedEos.length > 0 && rules.forcedEos(settings.forcedEos),
    settings.removeInvalidValues && rules.removeInvalid,
    !!settings.exponentialDecayLengthPenalty && rules.exponentialDecay(...settings.exponentialDecayLengthPenalty, eos),
    !!settings.suppressTokens && rules.suppress(settings.suppressTokens),
    !!settings.beginSuppressTokens &&
      rules.suppressAtBegin(settings.beginSuppressTokens, settings.forcedBosTokenId !== null),
  ];
  const kept = (all: readonly (ScoreWarper | false)[]) => all.filter((each) => each !== false);
  const ruled = [...list.filter((each) => each !== false), ...custom];
  const last = settings.renormalizeLogits && warpers.normalise;
  if (!settings.doSample) return { rules: ruled, temperature: null, topK: 0, warpers: kept([last]) };

  const { temperature, topK, topP, minP, typicalP, epsilonCutoff, etaCutoff } = settings;
  const keep = settings.numBeams > 1 ? Math.max(1, eos.length) + 1 : 1;
  return {
    rules: ruled,
    temperature: temperature !== 1 ? warpers.temperatureWarper(temperature) : null,
    topK: topK === 0 ? 0 : Math.max(topK, keep),
    warpers: kept([
      topP < 1 && warpers.topPWarper(topP, keep),
      minP !== null && warpers.minPWarper(minP, keep),
      typicalP < 1 && warpers.typicalWarper(typicalP, keep),
      epsilonCutoff > 0 && warpers.epsilonWarper(epsilonCutoff, keep),
      etaCutoff > 0 && warpers.etaWarper(etaCutoff, keep),
      last,
    ]),
  };
}

/** Applies all of them to one row of scores, in place. */
export function process(scores: Float32Array, history: History, processors: Processors): void {
  for (const rule of processors.rules) rule(scores, history);
  processors.temperature?.(scores);
  if (processors.topK > 0) warpers.topKWarper(processors.topK)(scores);
  for (const warper of processors.warpers) warper(scores);
}
