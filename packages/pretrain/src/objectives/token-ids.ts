import { EngineError, type Tokenizer } from "@ettin/core";

/** The ids that the objectives treat apart: what they need to know of a tokenizer. */
export interface TokenIds {
  /** Ids go from 0 to one less. */
  readonly vocabSize: number;
  /** First in every sequence: CLS, a decoder's BOS. */
  readonly cls: number;
  /** Last in an encoder's sequences: SEP, or EOS. */
  readonly sep: number;
  /** Stands in for a masked token; only masked objectives need it. */
  readonly mask?: number;
  /** Never predicted. */
  readonly pad?: number;
  readonly unk?: number;
}

/** The ids of the tokenizer that the Ettin models share. */
export const ettinTokenIds: TokenIds = {
  vocabSize: 50368,
  unk: 50280,
  cls: 50281,
  sep: 50282,
  pad: 50283,
  mask: 50284,
};

/** A tokenizer's ids by role; ids given by hand as they are. */
export function tokenIdsOf(where: string, tokenizer: Tokenizer | TokenIds): TokenIds {
  if (!isTokenizer(tokenizer)) return checked(where, tokenizer);
  const { cls, sep, bos, eos, mask, pad, unk } = tokenizer.specialTokens;
  return {
    vocabSize: tokenizer.vocabSize,
    cls: (cls ?? bos ?? tokenizer.requireSpecialToken("cls", where)).id,
    sep: (sep ?? eos ?? tokenizer.requireSpecialToken("sep", where)).id,
    ...(mask && { mask: mask.id }),
    ...(pad && { pad: pad.id }),
    ...(unk && { unk: unk.id }),
  };
}

export const isTokenizer = (given: Tokenizer | TokenIds): given is Tokenizer => "specialTokens" in given;

function checked(where: string, ids: TokenIds): TokenIds {
  const { vocabSize, ...special } = ids;
  for (const [name, id] of Object.entries(special)) {
    if (id !== undefined && !(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new EngineError(where, `${name} is ${id}, and vocabSize is ${vocabSize}`, "Give ids below vocabSize.");
    }
  }
  return ids;
}

/** The ids that have a role; masking by the collator rule leaves them alone. */
export function specialIds({ cls, sep, mask, pad, unk }: TokenIds): ReadonlySet<number> {
  return new Set([cls, sep, mask, pad, unk].filter((id) => id !== undefined));
}
