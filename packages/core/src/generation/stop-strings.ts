import type { History } from "./score-processor.ts";

/** What generation asks of a tokenizer. */
export interface TextDecoder {
  decode(ids: ArrayLike<number>, options?: { skipSpecialTokens?: boolean }): string;
}

/** Tokens that a character may take: a byte-level token may be one of its four bytes. */
const TOKENS_PER_CHARACTER = 4;
/** Tokens of context, so that a decoder's treatment of a text's start does not reach the match. */
const CONTEXT = 4;

/** Looks for stop strings that touch the newest token of a sequence, wherever they begin and end in tokens. */
export class StopStrings {
  private readonly texts: readonly string[];
  private readonly tokenizer: TextDecoder;
  private readonly reach: number;

  constructor(texts: readonly string[], tokenizer: TextDecoder) {
    this.texts = texts;
    this.tokenizer = tokenizer;
    this.reach = TOKENS_PER_CHARACTER * texts.reduce((longest, text) => Math.max(longest, text.length), 0) + CONTEXT;
  }

  /** Whether the sequence's newest token completes one. */
  complete({ ids, length }: History): boolean {
    const start = Math.max(0, length - this.reach - 1);
    const text = this.tokenizer.decode(ids.subarray(start, length));
    if (!this.texts.some((stop) => text.includes(stop))) return false;
    const before = this.tokenizer.decode(ids.subarray(start, length - 1));
    let same = 0; // half a character decodes to something that the next token changes
    while (same < before.length && before[same] === text[same]) same++;
    return this.texts.some((stop) => text.indexOf(stop, Math.max(0, same - stop.length + 1)) >= 0);
  }
}
