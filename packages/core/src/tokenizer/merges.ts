import { fileError, type TokenizerModel } from "./tokenizer-json.ts";

/** The merges of a BPE model by rank: ids `left[i]` and `right[i]` become `merged[i]`. */
export interface Merges {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly merged: Int32Array;
}

/** Reads merges, written as "a b" or as ["a", "b"], and checks them against the vocabulary. */
export function readMerges(file: string, model: TokenizerModel): Merges {
  const list = model.merges!;
  const vocab = model.vocab as Readonly<Record<string, number>>;
  const prefix = typeof model.continuing_subword_prefix === "string" ? model.continuing_subword_prefix.length : 0;
  const id = (token: string) => (Object.hasOwn(vocab, token) ? vocab[token] : undefined);
  const [left, right, merged] = [0, 1, 2].map(() => new Int32Array(list.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  list.forEach((merge, i) => {
    const [a, b, ...more] = typeof merge === "string" ? merge.split(" ") : Array.isArray(merge) ? merge : [];
    const field = `model.merges[${i}]`;
    if (typeof a !== "string" || typeof b !== "string" || more.length > 0) {
      throw fileError(file, field, `is ${JSON.stringify(merge)}, not two tokens`);
    }
    const [idA, idB, joined] = [id(a), id(b), id(a + b.slice(prefix))];
    if (idA === undefined || idB === undefined || joined === undefined) {
      const lacking = idA === undefined ? a : idB === undefined ? b : a + b.slice(prefix);
      const what = `joins ${JSON.stringify(a)} and ${JSON.stringify(b)}, but model.vocab has no ${JSON.stringify(lacking)}`;
      throw fileError(file, field, what);
    }
    left[i] = idA;
    right[i] = idB;
    merged[i] = joined;
  });
  return { left, right, merged };
}
