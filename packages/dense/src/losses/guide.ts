import { type Columns, EngineError, type PackedTexts, type TextEncoder } from "@ettin/core";

/** What is compared of two tokenizers. */
interface Vocabulary {
  readonly vocabSize: number;
  /** The token of an id. */
  idToToken(id: number): string | undefined;
}

/** A model that says how its texts become ids. */
export interface TokenizedEncoder extends TextEncoder {
  readonly tokenizer?: Vocabulary;
  readonly maxSeqLength?: number | null;
}

/** A model that reads texts by itself. */
export interface GuideModel extends TokenizedEncoder {
  /** Ids of texts, at once. The prompt of the batch is in them: a guide's own is left out with "". */
  tokenizeNow(texts: readonly string[], options?: { prompt?: string }): PackedTexts;
}

/** Refuses what cannot be a guide: nothing, or the options in its place. */
export function expectGuide(owner: string, guide: GuideModel): GuideModel {
  if (typeof guide?.forward === "function" && typeof guide.tokenizeNow === "function") return guide;
  throw new EngineError(
    owner,
    guide === undefined ? "the guide is missing" : "the guide is no model",
    `Pass a second model after the first: new ${owner}(model, guide, options).`,
  );
}

/**
 * A batch as a guide reads it: the same ids where its tokenizer has the model's vocabulary and keeps texts as long, else
 * its own ids of the same texts.
 */
export function guideBatch(batch: Columns, model: TokenizedEncoder, guide: GuideModel): Columns {
  const { maxSeqLength: longest = null } = model;
  const keeps = guide.maxSeqLength == null || (longest !== null && guide.maxSeqLength >= longest);
  if (keeps && sameVocabulary(model.tokenizer, guide.tokenizer)) return batch;
  const { starts: _starts, tokenTypes: _types, ...rest } = batch;
  const packed = guide.tokenizeNow(batch.texts.flat(), { prompt: "" });
  if (packed.offsets.length !== batch.offsets.length) {
    throw new EngineError(
      "guide",
      `the guide made ${packed.offsets.length - 1} sequences of the batch's ${batch.offsets.length - 1} texts`,
      "tokenizeNow gives one sequence per text.",
    );
  }
  return { ...rest, ...packed };
}

const known = new WeakMap<Vocabulary, WeakMap<Vocabulary, boolean>>();

/** Whether two tokenizers have the same tokens under the same ids. Each pair is compared once. */
function sameVocabulary(a: Vocabulary | undefined, b: Vocabulary | undefined): boolean {
  if (!a || !b) return false;
  if (a === b) return true;
  const before = known.get(a)?.get(b);
  if (before !== undefined) return before;
  let same = a.vocabSize === b.vocabSize;
  for (let id = 0; same && id < a.vocabSize; id++) same = a.idToToken(id) === b.idToToken(id);
  const answers = known.get(a) ?? new WeakMap<Vocabulary, boolean>();
  known.set(a, answers.set(b, same));
  return same;
}
