import type { SequenceBias } from "./sequence-rules.ts";

/**
 * What a checkpoint's `generation_config.json` may set, in camelCase, and a caller too. A caller's value wins over the
 * checkpoint's, and that over the default here. Names and effects are those of transformers 5.
 */
export interface GenerationSettings {
  /** Whether tokens are drawn at random; otherwise the best one is taken. @default false */
  doSample?: boolean;
  /** The most new tokens. Wins over `maxLength`. */
  maxNewTokens?: number | null;
  /** The most tokens of prompt and continuation. @default 20 new ones, within `maxPositionEmbeddings` */
  maxLength?: number | null;
  /** No eos before that many new tokens. */
  minNewTokens?: number | null;
  /** No eos before prompt and continuation have that many tokens. @default 0 */
  minLength?: number | null;
  /** A sequence ends when its newest token is one of these; it stays in the output. @default the configuration's */
  eosTokenId?: number | readonly number[] | null;
  /** Sequences come as they are, without padding: this is for `padTogether`. @default the configuration's, else the first eos */
  padTokenId?: number | null;
  /** Stands for an empty prompt. @default the configuration's */
  bosTokenId?: number | null;
  /**
   * A sequence ends when its text contains one of these, touching the newest token; they may begin and end inside
   * tokens. The text is not cut: its last token still holds the stop string. Needs a tokenizer.
   */
  stopStrings?: string | readonly string[] | null;
  /** Seconds after which no further step starts. */
  maxTime?: number | null;
  /** Sequences made from each prompt, one after the other. Needs sampling or beams. @default 1 */
  numReturnSequences?: number | null;

  /** Divides the scores: below 1 safer, above 1 more varied. Sampling only, and then above 0. @default 1 */
  temperature?: number | null;
  /** Draws from the k best, and what equals the last of them; 0: all. Sampling only. @default 50 */
  topK?: number | null;
  /** Draws from the fewest tokens that weigh p together. Sampling only. @default 1 */
  topP?: number | null;
  /** Leaves out tokens less than p times as likely as the best. Sampling only. */
  minP?: number | null;
  /** Draws from the tokens of nearly expected surprise that weigh p together. Sampling only. @default 1 */
  typicalP?: number | null;
  /** Leaves out tokens less likely than this. Sampling only. @default 0 */
  epsilonCutoff?: number | null;
  /** Leaves out tokens less likely than this and than the entropy suggests. Sampling only. @default 0 */
  etaCutoff?: number | null;

  /** Divides scores of ids that occurred, prompt included; negative ones are multiplied. @default 1 */
  repetitionPenalty?: number | null;
  /** No run of that many ids occurs twice, prompt included; 0: they may. @default 0 */
  noRepeatNgramSize?: number | null;
  /** Sequences of ids that are never completed. */
  badWordsIds?: readonly (readonly number[])[] | null;
  /** Added to the score of a sequence's last id when the others have just been seen; a lone id's always. */
  sequenceBias?: readonly SequenceBias[] | null;
  /** Ids that never occur. */
  suppressTokens?: readonly number[] | null;
  /** Ids that are not the first new one. */
  beginSuppressTokens?: readonly number[] | null;
  /** The only id behind a prompt of one token. */
  forcedBosTokenId?: number | null;
  /** The only ids at the last place that the length allows. */
  forcedEosTokenId?: number | readonly number[] | null;
  /** Behind `start` new tokens the eos gains `|score| · (factor^steps − 1)`. */
  exponentialDecayLengthPenalty?: readonly [start: number, factor: number] | null;
  /** NaN scores become 0, infinite ones the largest numbers. @default false */
  removeInvalidValues?: boolean | null;
  /** Scores become logarithms of probabilities at the end. Changes no choice. @default false */
  renormalizeLogits?: boolean | null;

  /** Continuations that are kept side by side; 1: no beam search. @default 1 */
  numBeams?: number | null;
  /** Beams are ranked by their score divided by `length^lengthPenalty`. @default 1 */
  lengthPenalty?: number | null;
  /**
   * Ends beam search as soon as `numBeams` continuations are finished (true), when none of today's scores can win
   * (false), or when none can ever win ("never").
   *
   * @default false
   */
  earlyStopping?: boolean | "never" | null;
}

type Check = (value: unknown) => boolean;
interface Rule {
  readonly fits: Check;
  readonly expected: string;
}

const isWhole: Check = (x) => Number.isSafeInteger(x);
const isNumber = (x: unknown): x is number => typeof x === "number" && Number.isFinite(x);
const isIds: Check = (x) => Array.isArray(x) && x.every((id) => Number.isSafeInteger(id) && id >= 0);

const wholeFrom = (least: number): Rule => ({
  fits: (x) => isWhole(x) && (x as number) >= least,
  expected: `a whole number from ${least} on`,
});
const share = (expected: string, fits: (x: number) => boolean): Rule => ({
  fits: (x) => isNumber(x) && fits(x),
  expected,
});
const flag: Rule = { fits: (x) => typeof x === "boolean", expected: "true or false" };
const id: Rule = { fits: (x) => isWhole(x) && (x as number) >= 0, expected: "a token id" };
const oneOrMoreIds: Rule = {
  fits: (x) => (isWhole(x) && (x as number) >= 0) || isIds(x),
  expected: "a token id or a list of them",
};
const ids: Rule = { fits: isIds, expected: "a list of token ids" };
const from0to1 = share("a number from 0 to 1", (x) => x >= 0 && x <= 1);

/** What each setting must be; null always fits and means: not set. */
export const RULES: { readonly [K in keyof Required<GenerationSettings>]: Rule } = {
  doSample: flag,
  maxNewTokens: wholeFrom(1),
  maxLength: wholeFrom(1),
  minNewTokens: wholeFrom(0),
  minLength: wholeFrom(0),
  eosTokenId: oneOrMoreIds,
  padTokenId: id,
  bosTokenId: id,
  stopStrings: {
    fits: (x) =>
      (typeof x === "string" && x !== "") ||
      (Array.isArray(x) && x.length > 0 && x.every((text) => typeof text === "string" && text !== "")),
    expected: "a text or a list of texts, none of them empty",
  },
  maxTime: share("a number of seconds above 0", (x) => x > 0),
  numReturnSequences: wholeFrom(1),
  temperature: share("a number above 0; for the best token each time set doSample: false", (x) => x > 0),
  topK: wholeFrom(0),
  topP: from0to1,
  minP: from0to1,
  typicalP: share("a number above 0 and at most 1", (x) => x > 0 && x <= 1),
  epsilonCutoff: share("a number from 0 to below 1", (x) => x >= 0 && x < 1),
  etaCutoff: share("a number from 0 to below 1", (x) => x >= 0 && x < 1),
  repetitionPenalty: share("a number above 0", (x) => x > 0),
  noRepeatNgramSize: wholeFrom(0),
  badWordsIds: {
    fits: (x) => Array.isArray(x) && x.length > 0 && x.every((word) => isIds(word) && word.length > 0),
    expected: "a list of lists of token ids, none of them empty",
  },
  sequenceBias: {
    fits: (x) =>
      Array.isArray(x) &&
      x.length > 0 &&
      x.every((each) => isIds(each?.ids) && each.ids.length > 0 && typeof each.bias === "number"),
    expected: "a list of { ids, bias }, with at least one id each",
  },
  suppressTokens: ids,
  beginSuppressTokens: ids,
  forcedBosTokenId: id,
  forcedEosTokenId: oneOrMoreIds,
  exponentialDecayLengthPenalty: {
    fits: (x) => Array.isArray(x) && x.length === 2 && isWhole(x[0]) && x[0] >= 0 && isNumber(x[1]) && x[1] > 0,
    expected: "[a whole number of tokens, a factor above 0]",
  },
  removeInvalidValues: flag,
  renormalizeLogits: flag,
  numBeams: wholeFrom(1),
  lengthPenalty: share("a number", () => true),
  earlyStopping: { fits: (x) => typeof x === "boolean" || x === "never", expected: 'true, false or "never"' },
};

/** Settings that mean nothing where the best token is taken. */
export const SAMPLING: readonly (keyof GenerationSettings)[] = [
  "temperature",
  "topK",
  "topP",
  "minP",
  "typicalP",
  "epsilonCutoff",
  "etaCutoff",
];

/** Whether a value in a file says that a setting is not set: an empty list or text, a token id of -1. */
export const saysNothing = (name: keyof GenerationSettings, value: unknown): boolean =>
  (value === "" && name === "stopStrings") ||
  (Array.isArray(value) && value.length === 0) ||
  (value === -1 && /TokenId$/.test(name));
