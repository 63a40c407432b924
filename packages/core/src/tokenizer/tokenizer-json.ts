/** What a tokenizer.json holds, checked as far as anything here relies on it. */
import { EngineError } from "../errors.ts";

/** A part of the pipeline: normalizer, pre-tokenizer, post-processor, decoder. */
export type Component = { readonly type: string } & Readonly<Record<string, unknown>>;

export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

export interface TokenizerModel {
  readonly type: string;
  /** Token to id; for Unigram a list of token and score. Checked by Vocabulary. */
  readonly vocab: Readonly<Record<string, number>> | readonly (readonly [string, number])[];
  readonly merges?: readonly (string | readonly [string, string])[];
  readonly [key: string]: unknown;
}

export interface TokenizerJson {
  readonly normalizer: Component | null;
  readonly pre_tokenizer: Component | null;
  readonly post_processor: Component | null;
  readonly decoder: Component | null;
  readonly model: TokenizerModel;
  readonly added_tokens: readonly AddedToken[];
}

/** Far beyond any vocabulary; a larger id is a mistake that would take the memory of one. */
export const HIGHEST_ID: number = 2 ** 24;

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An error about a field of a tokenizer's file. */
export function fileError(file: string, field: string, what: string, wayOut?: string): EngineError {
  return new EngineError(
    "Tokenizer",
    `${file}: ${field} ${what}`,
    wayOut ?? "Take the file from the model's repository again, or save it with a current version of tokenizers.",
  );
}

/** Parses a JSON object; `file` is named in errors. */
export function parseJsonObject(file: string, text: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new EngineError(
      "Tokenizer",
      `${file} is not JSON (${(error as Error).message})`,
      "The file may be cut off or a pointer to large-file storage: download it again.",
      { cause: error },
    );
  }
  if (!isObject(value)) throw fileError(file, "the top level", "is not an object");
  return value;
}

/** Parses and checks the text of a tokenizer.json. */
export function parseTokenizerJson(file: string, text: string): TokenizerJson {
  const json = parseJsonObject(file, text);
  return {
    normalizer: component(file, json, "normalizer"),
    pre_tokenizer: component(file, json, "pre_tokenizer"),
    post_processor: component(file, json, "post_processor"),
    decoder: component(file, json, "decoder"),
    model: modelOf(file, json.model),
    added_tokens: addedTokens(file, json.added_tokens ?? []),
  };
}

function component(file: string, json: Json, field: string): Component | null {
  const value = json[field] ?? null;
  if (value === null) return null;
  if (!isObject(value) || typeof value.type !== "string") throw fileError(file, field, 'has no "type"');
  return value as Component;
}

function modelOf(file: string, model: unknown): TokenizerModel {
  if (!isObject(model)) throw fileError(file, "model", "is missing or no object");
  const { vocab, merges } = model;
  const type = typeof model.type === "string" ? model.type : modelType(model);
  if (!isObject(vocab) && !Array.isArray(vocab)) throw fileError(file, "model.vocab", "is missing");
  if (type === "BPE") {
    if (!Array.isArray(merges)) throw fileError(file, "model.merges", "is missing or no list");
    if (Array.isArray(vocab)) throw fileError(file, "model.vocab", "is a list, but BPE needs an object");
  }
  return { ...model, type } as TokenizerModel;
}

/** Old files do not name the type. */
const modelType = (model: Json): string => {
  if ("merges" in model) return "BPE";
  if (Array.isArray(model.vocab)) return "Unigram";
  return "max_input_chars_per_word" in model ? "WordPiece" : "WordLevel";
};

export const isId = (id: unknown): id is number =>
  Number.isInteger(id) && (id as number) >= 0 && (id as number) <= HIGHEST_ID;

export const idError = (file: string, field: string, id: unknown): EngineError =>
  fileError(file, field, `is ${JSON.stringify(id)}, but an id is a whole number from 0 to ${HIGHEST_ID}`);

function addedTokens(file: string, list: unknown): AddedToken[] {
  if (!Array.isArray(list)) throw fileError(file, "added_tokens", "is not a list");
  return list.map((entry: unknown, i) => {
    const field = `added_tokens[${i}]`;
    if (!isObject(entry) || typeof entry.content !== "string") throw fileError(file, field, 'has no "content"');
    const { id } = entry;
    if (!isId(id)) throw idError(file, `${field}.id`, id);
    const special = entry.special === true;
    return {
      id,
      content: entry.content,
      single_word: entry.single_word === true,
      lstrip: entry.lstrip === true,
      rstrip: entry.rstrip === true,
      normalized: typeof entry.normalized === "boolean" ? entry.normalized : !special,
      special,
    };
  });
}
