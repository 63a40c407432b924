/**
 * Rules that look at the sequence so far: each function makes a processor. Formulas are those of transformers 5; the
 * sequence is always prompt and continuation.
 */
import type { History, ScoreProcessor } from "./score-processor.ts";

/** A sequence of ids, and what is added to the score of its last one where the others have just been seen. */
export interface SequenceBias {
  readonly ids: readonly number[];
  readonly bias: number;
}

/** Whether the sequence so far ends with all of `ids` but the last. */
function completes({ ids: past, length }: History, ids: readonly number[]): boolean {
  const prefix = ids.length - 1;
  if (ids.length > 1 && ids.length > length) return false;
  for (let i = 0; i < prefix; i++) if (past[length - prefix + i] !== ids[i]) return false;
  return true;
}

/** Biases are added up first, then to the scores; a later bias of one id alone takes the place of an earlier one. */
export function sequenceBias(biases: readonly SequenceBias[]): ScoreProcessor {
  const byText = new Map(biases.map((each) => [each.ids.join(), each]));
  const all = [...byText.values()];
  return (scores, history) => {
    const sums = new Map<number, number>();
    for (const { ids, bias } of all) {
      if (!completes(history, ids)) continue;
      const last = ids.at(-1)!;
      sums.set(last, Math.fround((sums.get(last) ?? 0) + bias));
    }
    for (const [id, bias] of sums) scores[id] = scores[id]! + bias;
  };
}

/** Scores of ids that have been seen, once or often: divided by the penalty, or multiplied where they are negative. */
export function repetitionPenalty(penalty: number): ScoreProcessor {
  const factor = Math.fround(penalty);
  return (scores, { seen }) => {
    for (const id of seen) {
      const score = scores[id]!;
      scores[id] = score < 0 ? score * factor : score / factor;
    }
  };
}

/** Rules out what would repeat a run of `size` ids; with 1 every id that has been seen. */
export function noRepeatNgrams(size: number): ScoreProcessor {
  return (scores, { ids, length }) => {
    const start = length - size + 1; // of the run that the next id would end
    for (let i = 0; i < start; i++) {
      let same = 0;
      while (same < size - 1 && ids[i + same] === ids[start + same]) same++;
      if (same === size - 1) scores[ids[i + size - 1]!] = Number.NEGATIVE_INFINITY;
    }
  };
}

/** Rules out the last id of each sequence whose others have just been seen. An eos alone is not a bad word. */
export function badWords(words: readonly (readonly number[])[], eos: readonly number[]): ScoreProcessor {
  return sequenceBias(
    words
      .filter((ids) => !(ids.length === 1 && eos.includes(ids[0]!)))
      .map((ids) => ({ ids, bias: Number.NEGATIVE_INFINITY })),
  );
}

const ruleOut = (scores: Float32Array, ids: readonly number[]): void => {
  for (const id of ids) if (id >= 0 && id < scores.length) scores[id] = Number.NEGATIVE_INFINITY;
};

/** No eos below a length, prompt included. */
export function minLength(least: number, eos: readonly number[]): ScoreProcessor {
  return (scores, { length }) => {
    if (length < least) ruleOut(scores, eos);
  };
}

/** No eos below a number of new tokens. */
export function minNewTokens(least: number, eos: readonly number[]): ScoreProcessor {
  return (scores, { length, promptLength }) => {
    if (length - promptLength < least) ruleOut(scores, eos);
  };
}

/** Behind a single token only `bos`. */
export function forcedBos(bos: number): ScoreProcessor {
  return (scores, { length }) => {
    if (length !== 1) return;
    scores.fill(Number.NEGATIVE_INFINITY);
    scores[bos] = 0;
  };
}

/** At the last place of all only `eos`. */
export function forcedEos(eos: readonly number[]): ScoreProcessor {
  return (scores, { length, promptLength, mostNewTokens }) => {
    if (length - promptLength !== mostNewTokens - 1) return;
    scores.fill(Number.NEGATIVE_INFINITY);
    for (const id of eos) scores[id] = 0;
  };
}

/** NaN becomes 0, infinities the largest numbers. */
export const removeInvalid: ScoreProcessor = (scores) => {
  const largest = 3.4028234663852886e38;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (Number.isNaN(score)) scores[i] = 0;
    else if (score > largest) scores[i] = largest;
    else if (score < -largest) scores[i] = -largest;
  }
};

/** Behind `start` new tokens the eos gains `|score| · (factor^steps − 1)`. */
export function exponentialDecay(start: number, factor: number, eos: readonly number[]): ScoreProcessor {
  return (scores, { length, promptLength }) => {
    const steps = length - promptLength - start;
    if (steps <= 0) return;
    for (const id of eos) scores[id] = scores[id]! + Math.fround(Math.abs(scores[id]!) * (factor ** steps - 1));
  };
}

/** Rules out ids always. */
export function suppress(ids: readonly number[]): ScoreProcessor {
  return (scores) => ruleOut(scores, ids);
}

/** Rules out ids as the first new token. */
export function suppressAtBegin(ids: readonly number[], forcedBosGiven: boolean): ScoreProcessor {
  return (scores, { length, promptLength }) => {
    const begin = promptLength > 1 || !forcedBosGiven ? promptLength : promptLength + 1;
    if (length === begin) ruleOut(scores, ids);
  };
}
