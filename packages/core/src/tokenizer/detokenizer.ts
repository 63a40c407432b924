/** Ids back to text. */
import { EngineError } from "../errors.ts";
import { bytesOfToken } from "./byte-level.ts";
import type { TokenizerJson } from "./tokenizer-json.ts";
import type { Vocabulary } from "./vocabulary.ts";

export interface DecodeOptions {
  /**
   * Whether special tokens are left out.
   *
   * @default false
   */
  skipSpecialTokens?: boolean;
}

interface Parts {
  readonly json: TokenizerJson;
  readonly vocabulary: Vocabulary;
  readonly specialIds: ReadonlySet<number>;
  /** What tokenizer_config.json says about spaces before punctuation. */
  readonly cleanUp: boolean;
  /** The library's decoder, for kinds other than byte-level. */
  readonly libraryDecode: (ids: number[]) => string;
}

/** Decodes as transformers 5 does: byte-level natively, other kinds through the library. */
export class Detokenizer {
  /** Whether a text is the sum of its tokens' bytes, so that it can be decoded piece by piece. */
  readonly byteLevel: boolean;
  readonly #parts: Parts;
  readonly #bytes: (Uint8Array | undefined)[] = [];

  constructor(parts: Parts) {
    this.#parts = parts;
    this.byteLevel = parts.json.decoder?.type === "ByteLevel";
  }

  decode(ids: ArrayLike<number>, { skipSpecialTokens = false }: DecodeOptions = {}): string {
    const kept = Array.from(ids).filter((id) => this.#keeps(id, skipSpecialTokens));
    if (!this.byteLevel) return kept.length === 0 ? "" : this.#cleaned(this.#parts.libraryDecode(kept));
    const pieces = kept.map((id) => this.#bytesOf(id));
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  }

  /** The bytes of one token of a byte-level tokenizer; none for an id that is left out. */
  bytes(id: number, { skipSpecialTokens = false }: DecodeOptions = {}): Uint8Array {
    return this.#keeps(id, skipSpecialTokens) ? this.#bytesOf(id) : new Uint8Array(0);
  }

  /** Rows of an embedding may outnumber the tokens: an id without a token is no text. */
  #keeps(id: number, skipSpecialTokens: boolean): boolean {
    if (!Number.isInteger(id) || id < 0) {
      throw new EngineError(
        "Tokenizer.decode",
        `${id} is not a token id`,
        "Ids are whole numbers from 0; take out the marks of positions without a target (−100) first.",
      );
    }
    if (skipSpecialTokens && this.#parts.specialIds.has(id)) return false;
    return this.#parts.vocabulary.token(id) !== undefined;
  }

  #bytesOf(id: number): Uint8Array {
    this.#bytes[id] ??= bytesOfToken(this.#parts.vocabulary.token(id)!);
    return this.#bytes[id];
  }

  /** Spaces before punctuation go where the files ask for it, but never for BPE: there they are part of the text. */
  #cleaned(text: string): string {
    return this.#parts.cleanUp && this.#parts.json.model.type !== "BPE" ? cleanUpSpaces(text) : text;
  }
}

const CLEAN_UP: readonly (readonly [string, string])[] = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** "do n't , he 's" → "don't, he's": undoes the spaces that word pieces come with. */
export function cleanUpSpaces(text: string): string {
  return CLEAN_UP.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text);
}
