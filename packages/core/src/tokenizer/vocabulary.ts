import { type AddedToken, fileError, idError, isId, type TokenizerModel } from "./tokenizer-json.ts";

/** Tokens and their ids. */
export class Vocabulary {
  /** The model's own tokens, without added ones. */
  readonly ids: ReadonlyMap<string, number>;
  readonly #added: ReadonlyMap<string, number>;
  readonly #tokens: (string | undefined)[];

  /** Reads and checks a model's vocabulary: an object of ids, or Unigram's list of tokens and scores. */
  constructor(file: string, { vocab }: TokenizerModel, addedTokens: readonly AddedToken[]) {
    const ids = new Map<string, number>();
    const tokens: (string | undefined)[] = [];
    const put = (token: string, id: number) => {
      ids.set(token, id);
      tokens[id] = token;
    };
    if (Array.isArray(vocab)) {
      (vocab as readonly unknown[]).forEach((entry, i) => {
        const holds = Array.isArray(entry) && typeof entry[0] === "string" && typeof entry[1] === "number";
        if (!holds) throw fileError(file, `model.vocab[${i}]`, "is not a token and its score");
        put(entry[0], i);
      });
    } else {
      const byToken = vocab as Readonly<Record<string, number>>;
      for (const token of Object.keys(byToken)) {
        // entries of 50,000 tokens would take twice the time
        const id = byToken[token];
        if (!isId(id)) throw idError(file, `model.vocab[${JSON.stringify(token)}]`, id);
        put(token, id);
      }
    }
    if (ids.size === 0) throw fileError(file, "model.vocab", "is empty");
    for (const { content, id } of addedTokens) tokens[id] = content;
    this.ids = ids;
    this.#added = new Map(addedTokens.map(({ content, id }) => [content, id]));
    this.#tokens = tokens;
  }

  /** One more than the largest id: the rows that a model's embedding needs. */
  get size(): number {
    return this.#tokens.length;
  }

  id(token: string): number | undefined {
    return this.#added.get(token) ?? this.ids.get(token);
  }

  token(id: number): string | undefined {
    return this.#tokens[id];
  }
}
