import { createHash } from "node:crypto";
import { join } from "node:path";
import { nativeTokenizers } from "../backend/native.ts";
import { EngineError } from "../errors.ts";
import type { HubOptions } from "../hub/hub-options.ts";
import { resolveFolder } from "../hub/resolve-folder.ts";
import { type AssembleOptions, Assembly } from "./assemble.ts";
import { type ChatMessage, type ChatTemplateOptions, renderChat } from "./chat-template.ts";
import { type DecodeOptions, Detokenizer } from "./detokenizer.ts";
import { LibraryTokenizer } from "./library.ts";
import { lowercaseText, withLowercase } from "./lowercase.ts";
import { readMerges } from "./merges.ts";
import { nativeLayout } from "./native-layout.ts";
import { NativeTokenizer } from "./native-tokenizer.ts";
import type { PackedTokens } from "./packed-tokens.ts";
import {
  readModelMaxLength,
  readSpecialIds,
  readSpecialTokens,
  type SpecialRole,
  type SpecialToken,
  type SpecialTokens,
} from "./special-tokens.ts";
import { StreamDecoder, type StreamDecoderOptions } from "./stream-decoder.ts";
import { readTemplate, type Template } from "./template.ts";
import type { TextToIds } from "./text-to-ids.ts";
import { readTokenizerFiles, TOKENIZER_FILES, type TokenizerFiles, writeTokenizerFiles } from "./tokenizer-files.ts";
import { parseTokenizerJson, type TokenizerJson } from "./tokenizer-json.ts";
import { Vocabulary } from "./vocabulary.ts";

export type EncodeBatchOptions = AssembleOptions;

export interface EncodeOptions extends AssembleOptions {
  /** A second text: the two become one sequence. */
  pair?: string;
}

export interface TokenizerOptions {
  /** Makes texts lower case before anything else, as a normalizer of tokenizer.json would. @default false */
  lowercase?: boolean;
}

export interface SaveTokenizerOptions {
  /** Written as `model_max_length`. @default what the file had */
  modelMaxLength?: number;
}

/** Ids of one text. */
export interface Encoding {
  readonly ids: Int32Array;
  /** 0 for the first text, 1 for the second where the tokenizer tells them apart. */
  readonly tokenTypes: Int32Array;
}

/**
 * A Hugging Face tokenizer: texts to ids and back, by the files that are saved beside a model.
 *
 * Every kind of tokenizer.json works (BPE, WordPiece, Unigram). Byte-level BPE of the ModernBERT, GPT-2, SmolLM2 and Llama 3
 * layouts runs natively, with the ids of Python's tokenizers; other kinds run in the JavaScript library, whose ids can
 * differ from Python's where a text has characters that one of the two does not know.
 */
export class Tokenizer {
  /** One more than the largest id. A model's embedding may have more rows, never fewer. */
  readonly vocabSize: number;
  /** The special tokens by role; a role that the files do not name is absent. */
  readonly specialTokens: SpecialTokens;
  /** Ids that `skipSpecialTokens` leaves out. */
  readonly specialIds: ReadonlySet<number>;
  /** The most tokens that the model takes, special ones included; Infinity where the files name no limit. */
  readonly modelMaxLength: number;
  /** The folder it was read from, for messages. */
  readonly folder: string;
  /** Whether it was asked to make texts lower case. */
  readonly lowercase: boolean;

  readonly #files: TokenizerFiles;
  readonly #vocabulary: Vocabulary;
  readonly #template: Template;
  readonly #texts: TextToIds;
  readonly #detokenizer: Detokenizer;
  readonly #library: LibraryTokenizer;
  readonly #hasTypes: boolean;
  readonly #side: "left" | "right";

  private constructor(files: TokenizerFiles, json: TokenizerJson, lowercase: boolean) {
    const file = join(files.folder, "tokenizer.json");
    const configs = [files.config, files.specialTokensMap];
    const vocabulary = new Vocabulary(file, json.model, json.added_tokens);
    this.folder = files.folder;
    this.lowercase = lowercase;
    this.vocabSize = vocabulary.size;
    this.specialTokens = readSpecialTokens(configs, json, vocabulary);
    this.specialIds = readSpecialIds(configs, json, this.specialTokens, vocabulary);
    this.modelMaxLength = readModelMaxLength(files.config);
    this.#files = files;
    this.#vocabulary = vocabulary;
    this.#template = readTemplate(file, json);
    this.#side = files.config?.truncation_side === "left" ? "left" : "right";
    this.#hasTypes = hasTokenTypes(files, this.#template);
    const { specialTokens } = this;
    const stored = () => files.contents.get("tokenizer.json")!.toString("utf8");
    const text = lowercase ? () => lowercaseText(stored()) : stored;
    this.#library = new LibraryTokenizer({ file, text, specialTokens });
    this.#texts = nativeTokenizer(file, json, vocabulary) ?? this.#library;
    this.#detokenizer = new Detokenizer({
      json,
      vocabulary,
      specialIds: this.specialIds,
      cleanUp: files.config?.clean_up_tokenization_spaces === true,
      libraryDecode: (ids) => this.#library.decode(ids),
    });
  }

  /** A digest of what decides the ids: a tokenizer with another one may encode otherwise. Independent of the folder. */
  get fingerprint(): string {
    const roles = Object.entries(this.specialTokens).map(([role, token]) => `${role} ${token?.id}`);
    return createHash("sha256")
      .update(this.#files.contents.get("tokenizer.json")!)
      .update(`\0${this.lowercase}\0${roles.sort().join("\0")}`)
      .digest("hex")
      .slice(0, 16);
  }

  /**
   * Reads the tokenizer of a model.
   *
   * @param idOrFolder a folder, or a repository of the hub ("owner/name")
   */
  static async fromPretrained(
    idOrFolder: string,
    { lowercase = false, ...options }: HubOptions & TokenizerOptions = {},
  ): Promise<Tokenizer> {
    const needed = ["tokenizer.json"];
    const folder = await resolveFolder(idOrFolder, { ...options, files: TOKENIZER_FILES, needed });
    return Tokenizer.fromFolder(folder, { lowercase });
  }

  /** Reads tokenizer.json and, where they are there, tokenizer_config.json, special_tokens_map.json and chat_template.jinja. */
  static async fromFolder(folder: string, { lowercase = false }: TokenizerOptions = {}): Promise<Tokenizer> {
    const files = await readTokenizerFiles(folder);
    const text = files.contents.get("tokenizer.json")!.toString("utf8");
    const json = parseTokenizerJson(join(folder, "tokenizer.json"), text);
    return new Tokenizer(files, lowercase ? withLowercase(json) : json, lowercase);
  }

  /**
   * Encodes one text, at once. A text that is longer than the model is cut only where `truncation` asks for it.
   *
   * @throws EngineError for options that contradict each other
   */
  encode(text: string, { pair, ...options }: EncodeOptions = {}): Encoding {
    const where = "Tokenizer.encode";
    expectText(where, "the text", text);
    if (pair !== undefined) expectText(where, "pair", pair);
    const assembly = this.#assembly(where, pair !== undefined, options);
    const first = this.#texts.encode(text);
    const second = pair === undefined ? null : this.#texts.encode(pair);
    const kept = assembly.lengths(null, first.length, second?.length ?? 0);
    const ids = new Int32Array(kept.total);
    const tokenTypes = new Int32Array(kept.total);
    assembly.write(ids, tokenTypes, 0, first, second, kept);
    return { ids, tokenTypes };
  }

  /**
   * Encodes texts, or pairs of texts, off the JavaScript thread.
   *
   * @returns their ids packed one after the other; `tokenTypes` only for models that use them
   */
  async encodeBatch(
    texts: readonly string[] | readonly (readonly [string, string])[],
    options: EncodeBatchOptions = {},
  ): Promise<PackedTokens> {
    const where = "Tokenizer.encodeBatch";
    const pairs = texts.length > 0 && Array.isArray(texts[0]);
    const assembly = this.#assembly(where, pairs, options);
    const flat = pairs ? (texts as readonly (readonly [string, string])[]).flat() : (texts as readonly string[]);
    flat.forEach((text, i) => {
      expectText(where, pairs ? `text ${i % 2} of row ${i >> 1}` : `row ${i}`, text);
    });
    const each = pairs ? 2 : 1;
    if (flat.length !== each * texts.length) {
      throw new EngineError(
        where,
        "some rows are pairs and some are not",
        "Pass texts alone, or [text, text] for all.",
      );
    }

    const { ids, offsets: starts } = await this.#texts.encodeBatch(flat);
    const place = (i: number) => ids.subarray(starts[i]!, starts[i + 1]!);
    const offsets = new Int32Array(texts.length + 1);
    const rows = texts.map((_, row) => {
      const first = place(each * row);
      const second = pairs ? place(2 * row + 1) : null;
      const kept = assembly.lengths(row, first.length, second?.length ?? 0);
      offsets[row + 1] = offsets[row]! + kept.total;
      return { first, second, kept };
    });
    return this.#packed(assembly, rows, offsets);
  }

  /** Encodes a few texts at once, on the JavaScript thread: `encodeBatch` without the promise, for texts alone. */
  encodeBatchNow(texts: readonly string[], options: EncodeBatchOptions = {}): PackedTokens {
    const where = "Tokenizer.encodeBatchNow";
    const assembly = this.#assembly(where, false, options);
    const offsets = new Int32Array(texts.length + 1);
    const rows = texts.map((text, row) => {
      expectText(where, `row ${row}`, text);
      const first = this.#texts.encode(text);
      const kept = assembly.lengths(row, first.length, 0);
      offsets[row + 1] = offsets[row]! + kept.total;
      return { first, second: null, kept };
    });
    return this.#packed(assembly, rows, offsets);
  }

  /**
   * Turns ids back into text. Ids without a token (rows that fill up an embedding) are no text.
   *
   * @throws EngineError for a negative number or a fraction
   */
  decode(ids: ArrayLike<number>, options: DecodeOptions = {}): string {
    return this.#detokenizer.decode(ids, options);
  }

  /** Decodes a text token by token, as it is generated. */
  streamDecoder(options: StreamDecoderOptions = {}): StreamDecoder {
    return new StreamDecoder(this.#detokenizer, options);
  }

  /**
   * Writes a chat as the text that the model was trained on, by its chat template. Encode it with
   * `addSpecialTokens: false`: the template has written the special tokens.
   *
   * @throws EngineError where there is no template, or where it refuses the messages; the template's file is named
   */
  applyChatTemplate(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string {
    const specials = Object.entries(this.specialTokens).map(([role, { token }]) => [`${role}_token`, token] as const);
    return renderChat(this.#files.chatTemplates, this.folder, Object.fromEntries(specials), messages, options);
  }

  /** The id of a token, added tokens included. */
  tokenToId(token: string): number | undefined {
    return this.#vocabulary.id(token);
  }

  /** The token of an id, as the vocabulary writes it. */
  idToToken(id: number): string | undefined {
    return this.#vocabulary.token(id);
  }

  /**
   * A special token that must be there.
   *
   * @param where the function that needs it, for the error
   * @throws EngineError that names the folder and the role
   */
  requireSpecialToken(role: SpecialRole, where: string): SpecialToken {
    const found = this.specialTokens[role];
    if (found) return found;
    throw new EngineError(
      where,
      `the tokenizer of ${this.folder} has no ${role} token`,
      `Name one of its tokens as "${role}_token" in tokenizer_config.json, or use a model that has it.`,
    );
  }

  /** Writes the files as they were read, so that transformers loads the same tokenizer. */
  async savePretrained(folder: string, options: SaveTokenizerOptions = {}): Promise<void> {
    await writeTokenizerFiles(folder, this.#files.contents, { ...options, specialTokens: this.specialTokens });
  }

  /** Gives back threads and native memory. Unneeded at the end of a process. */
  dispose(): void {
    this.#texts.dispose();
    this.#library.dispose();
  }

  #packed(
    assembly: Assembly,
    rows: readonly { first: Int32Array; second: Int32Array | null; kept: ReturnType<Assembly["lengths"]> }[],
    offsets: Int32Array,
  ): PackedTokens {
    const tokens = new Int32Array(offsets[rows.length]!);
    const tokenTypes = this.#hasTypes ? new Int32Array(tokens.length) : null;
    rows.forEach(({ first, second, kept }, row) => {
      assembly.write(tokens, tokenTypes, offsets[row]!, first, second, kept);
    });
    return tokenTypes ? { tokens, offsets, tokenTypes } : { tokens, offsets };
  }

  #assembly(where: string, pairs: boolean, options: AssembleOptions): Assembly {
    const { modelMaxLength } = this;
    return new Assembly(where, this.#template, pairs, options, { modelMaxLength, side: this.#side });
  }
}

/** Byte-level BPE of a known layout where the addon is there; null: the library serves. */
function nativeTokenizer(file: string, json: TokenizerJson, { ids }: Vocabulary): NativeTokenizer | null {
  if (json.model.type !== "BPE") return null;
  const layout = nativeLayout(json, readMerges(file, json.model, ids), ids);
  const addon = layout && nativeTokenizers();
  return addon && new NativeTokenizer(addon, layout);
}

function expectText(where: string, what: string, text: unknown): void {
  if (typeof text === "string") return;
  throw new EngineError(
    where,
    `${what} is ${text === null ? "null" : `a ${typeof text}`}, not a text`,
    "Pass strings.",
  );
}

/** As the files list the model's inputs; without a list, where the template tells the texts of a pair apart. */
function hasTokenTypes({ config }: TokenizerFiles, { pair }: Template): boolean {
  const inputs = config?.model_input_names;
  return Array.isArray(inputs)
    ? inputs.includes("token_type_ids")
    : pair.some(({ place, type }) => typeof place === "number" && type !== 0);
}
