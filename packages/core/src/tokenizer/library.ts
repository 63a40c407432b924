/** The Hugging Face tokenizers library behind `TextToIds`. */
import { Tokenizer as Library } from "@huggingface/tokenizers";
import { EngineError } from "../errors.ts";
import { LibraryWorkers } from "./library-workers.ts";
import type { SpecialTokens } from "./special-tokens.ts";
import type { EncodedTexts, TextToIds } from "./text-to-ids.ts";

/** Characters from which a batch goes to worker threads: below that, sending costs more than it saves. */
const WORKERS_FROM = 65_536;

export interface LibrarySource {
  /** Named in errors. */
  readonly file: string;
  /** The text of tokenizer.json. */
  readonly text: () => string;
  readonly specialTokens: SpecialTokens;
}

/** Built at the first use: a process that only uses the native tokenizer does not pay for it. */
export class LibraryTokenizer implements TextToIds {
  readonly #source: LibrarySource;
  #library: Library | null = null;
  #workers: LibraryWorkers | null = null;

  constructor(source: LibrarySource) {
    this.#source = source;
  }

  /** Whether it is built. */
  get isLoaded(): boolean {
    return this.#library !== null;
  }

  encode(text: string): Int32Array {
    try {
      const ids: (number | undefined)[] = this.#load().encode(text, { add_special_tokens: false }).ids;
      if (ids.includes(undefined)) throw new Error("a piece of it is not in the vocabulary, and there is no unk token");
      return Int32Array.from(ids as number[]);
    } catch (error) {
      throw encodeError(this.#source.file, text, error);
    }
  }

  async encodeBatch(texts: readonly string[]): Promise<EncodedTexts> {
    const characters = texts.reduce((sum, text) => sum + text.length, 0);
    if (characters > WORKERS_FROM && texts.length > 1) {
      this.#workers ??= new LibraryWorkers(this.#source.file, libraryArguments(this.#source));
      return this.#workers.encode(texts, characters);
    }
    const rows = texts.map((text) => this.encode(text));
    const offsets = new Int32Array(rows.length + 1);
    rows.forEach((row, i) => {
      offsets[i + 1] = offsets[i]! + row.length;
    });
    const ids = new Int32Array(offsets[rows.length]!);
    rows.forEach((row, i) => {
      ids.set(row, offsets[i]!);
    });
    return { ids, offsets };
  }

  decode(ids: number[]): string {
    return this.#load().decode(ids, { clean_up_tokenization_spaces: false });
  }

  dispose(): void {
    this.#workers?.close();
    this.#workers = null;
    this.#library = null;
  }

  #load(): Library {
    if (this.#library) return this.#library;
    try {
      this.#library = new Library(...libraryArguments(this.#source));
    } catch (error) {
      throw new EngineError(
        "Tokenizer",
        `${this.#source.file} is not understood by the tokenizers library: ${(error as Error).message}`,
        "Save it again with a current version of tokenizers.",
        { cause: error },
      );
    }
    return this.#library;
  }
}

/** Special tokens around texts and the clean-up of spaces are ours, so the library is given neither. */
function libraryArguments({ text, specialTokens }: LibrarySource): [json: object, config: object] {
  const json = { decoder: null, normalizer: null, pre_tokenizer: null, ...JSON.parse(text()), post_processor: null };
  json.added_tokens ??= [];
  const config = Object.fromEntries(Object.entries(specialTokens).map(([role, { token }]) => [`${role}_token`, token]));
  return [json, config];
}

export function encodeError(file: string, text: string, error: unknown): EngineError {
  return new EngineError(
    "Tokenizer.encode",
    `${file} cannot encode a text of ${text.length.toLocaleString("en")} characters: ${(error as Error).message}`,
    error instanceof RangeError ? "Split the text into smaller ones." : "Check that the tokenizer fits the text.",
    { cause: error },
  );
}
