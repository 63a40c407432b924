import type { DecodeOptions, Detokenizer } from "./detokenizer.ts";

export interface StreamDecoderOptions extends DecodeOptions {
  /**
   * Whether a word is held back until it is whole: until a space, a line's end or a Chinese character follows. Otherwise
   * text comes as soon as its bytes are complete.
   *
   * @default true
   */
  wholeWords?: boolean;
}

/**
 * Text of tokens that come one after the other. What it returns, put together, is the text of all ids: a character whose
 * bytes are spread over tokens comes once it is complete.
 *
 * The words are those of transformers' TextStreamer.
 */
export class StreamDecoder {
  readonly #detokenizer: Detokenizer;
  readonly #options: DecodeOptions;
  readonly #wholeWords: boolean;
  #utf8 = newUtf8();
  /** Byte-level: complete text that is held back. */
  #held = "";
  /** Other kinds: ids since the last line's end, and how much of their text is out. */
  #ids: number[] = [];
  #out = 0;

  constructor(detokenizer: Detokenizer, { wholeWords = true, ...options }: StreamDecoderOptions = {}) {
    this.#detokenizer = detokenizer;
    this.#options = options;
    this.#wholeWords = wholeWords;
  }

  /** Takes the next id and returns the text that is ready now, often none. */
  push(id: number): string {
    if (!this.#detokenizer.byteLevel) return this.#pushWhole(id);
    this.#held += this.#utf8.decode(this.#detokenizer.bytes(id, this.#options), { stream: true });
    const ready = this.#wholeWords ? wholeWords(this.#held) : this.#held.length;
    const text = this.#held.slice(0, ready);
    this.#held = this.#held.slice(ready);
    return text;
  }

  /** Returns what was held back, and is ready for another text. */
  end(): string {
    const text = this.#held + this.#utf8.decode();
    this.#held = "";
    this.#utf8 = newUtf8();
    if (this.#detokenizer.byteLevel) return text;
    const rest = this.#detokenizer.decode(this.#ids, this.#options).slice(this.#out);
    this.#ids = [];
    this.#out = 0;
    return rest;
  }

  /** A kind whose tokens change with their neighbours: everything since the last line's end is decoded again. */
  #pushWhole(id: number): string {
    this.#ids.push(id);
    const text = this.#detokenizer.decode(this.#ids, this.#options);
    const complete = text.endsWith("\uFFFD") ? text.length - 1 : text.length;
    const ready = Math.max(this.#out, this.#wholeWords ? wholeWords(text) : complete);
    const piece = text.slice(this.#out, ready);
    this.#out = ready;
    if (text.endsWith("\n")) {
      this.#ids = [];
      this.#out = 0;
    }
    return piece;
  }
}

const newUtf8 = () => new TextDecoder("utf-8", { ignoreBOM: true });

/** How much of a text is surely whole words. */
function wholeWords(text: string): number {
  return text.endsWith("\n") || endsChinese(text) ? text.length : text.lastIndexOf(" ") + 1;
}

/** The blocks that need no spaces between words: CJK unified and compatibility ideographs. */
const CHINESE = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b820, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
] as const;

function endsChinese(text: string): boolean {
  const low = text.charCodeAt(text.length - 1);
  const code = low >= 0xdc00 && low <= 0xdfff ? text.codePointAt(text.length - 2) : low;
  return code !== undefined && CHINESE.some(([first, last]) => code >= first && code <= last);
}
