/** The tokens that a tokenizer's files name by role, and the length limit beside them. */

import type { TokenizerJson } from "./tokenizer-json.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** A special token: its text, and its id. */
export interface SpecialToken {
  readonly token: string;
  readonly id: number;
}

const ROLES = ["cls", "sep", "pad", "mask", "unk", "bos", "eos"] as const;
export type SpecialRole = (typeof ROLES)[number];
export type SpecialTokens = { readonly [Role in SpecialRole]?: SpecialToken };

/** What BERT-like tokenizers call them, for a tokenizer.json that comes alone. */
const USUAL: Readonly<Record<string, SpecialRole>> = {
  "[CLS]": "cls",
  "[SEP]": "sep",
  "[PAD]": "pad",
  "[MASK]": "mask",
  "[UNK]": "unk",
};

type Config = Readonly<Record<string, unknown>>;

/** A token is written as its text, or as an object with `content`. */
function contentOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}

/** Roles from tokenizer_config.json, then special_tokens_map.json; a token that the vocabulary lacks is left out. */
export function readSpecialTokens(
  configs: readonly (Config | null)[],
  { added_tokens }: TokenizerJson,
  vocabulary: Vocabulary,
): SpecialTokens {
  const found: { -readonly [Role in SpecialRole]?: SpecialToken } = {};
  const present = configs.filter((config): config is Config => config !== null);
  for (const role of ROLES) {
    const token = present.map((config) => contentOf(config[`${role}_token`])).find((content) => content !== undefined);
    const id = token === undefined ? undefined : vocabulary.id(token);
    if (token !== undefined && id !== undefined) found[role] = { token, id };
  }
  if (present.length === 0) {
    for (const { content, id, special } of added_tokens) {
      const role = special ? USUAL[content] : undefined;
      if (role) found[role] = { token: content, id };
    }
  }
  return found;
}

/** Every id that decoding may skip: special added tokens, and those with a role or listed as additional. */
export function readSpecialIds(
  configs: readonly (Config | null)[],
  { added_tokens }: TokenizerJson,
  tokens: SpecialTokens,
  vocabulary: Vocabulary,
): Set<number> {
  const ids = new Set(added_tokens.filter(({ special }) => special).map(({ id }) => id));
  for (const { id } of Object.values(tokens)) ids.add(id);
  for (const config of configs) {
    const lists = [config?.additional_special_tokens, config?.extra_special_tokens];
    for (const value of lists.flatMap((list) =>
      typeof list === "object" && list !== null ? Object.values(list) : [],
    )) {
      const content = contentOf(value);
      const id = content === undefined ? undefined : vocabulary.id(content);
      if (id !== undefined) ids.add(id);
    }
  }
  return ids;
}

/** Files without a limit write a number near 1e30. */
const NO_LIMIT = 2 ** 31;

/** The most tokens that the model takes, special ones included; Infinity where the files name none. */
export function readModelMaxLength(config: Config | null): number {
  const value = config?.model_max_length;
  return typeof value === "number" && value > 0 && value < NO_LIMIT ? Math.floor(value) : Number.POSITIVE_INFINITY;
}
