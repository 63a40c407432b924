import type { TokenizerJson } from "./tokenizer-json.ts";

/** Tokens and their ids, added tokens included. */
export class Vocabulary {
  /** One more than the largest id: the rows that a model's embedding needs. */
  readonly size: number;
  readonly #tokens: (string | undefined)[];
  readonly #ids: (token: string) => number | undefined;

  constructor({ model, added_tokens }: TokenizerJson) {
    const { vocab } = model;
    const tokens: (string | undefined)[] = [];
    const added = new Map(added_tokens.map(({ content, id }) => [content, id]));
    if (Array.isArray(vocab)) {
      const ids = new Map<string, number>();
      for (const [i, [token]] of (vocab as [string, number][]).entries()) {
        tokens[i] = token;
        ids.set(token, i);
      }
      this.#ids = (token) => added.get(token) ?? ids.get(token);
    } else {
      const ids = vocab as Readonly<Record<string, number>>;
      for (const token in ids) tokens[ids[token]!] = token;
      this.#ids = (token) => added.get(token) ?? (Object.hasOwn(ids, token) ? ids[token] : undefined);
    }
    for (const { content, id } of added_tokens) tokens[id] = content;
    this.#tokens = tokens;
    this.size = tokens.length;
  }

  id(token: string): number | undefined {
    return this.#ids(token);
  }

  token(id: number): string | undefined {
    return this.#tokens[id];
  }
}
