import { fileError, type TokenizerModel } from "./tokenizer-json.ts";

/** The merges of a BPE model by rank: ids `left[i]` and `right[i]` become `merged[i]`. */
export interface Merges {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly merged: Int32Array;
}

/** Reads merges, written as "a b" or as ["a", "b"], and checks them against the vocabulary. */
export function readMerges(file: string, model: TokenizerModel, ids: ReadonlyMap<string, number>): Merges {
  const list = model.merges!;
  const prefix = typeof model.continuing_subword_prefix === "string" ? model.continuing_subword_prefix.length : 0;
  const [left, right, merged] = [0, 1, 2].map(() => new Int32Array(list.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  list.forEach((merge, i) => {
    const parts = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(parts) || parts.length !== 2 || typeof parts[0] !== "string" || typeof parts[1] !== "string") {
      throw fileError(file, `model.merges[${i}]`, `is ${JSON.stringify(merge)}, not two tokens`);
    }
    const [a, b] = parts;
    const [idA, idB, joined] = [ids.get(a), ids.get(b), ids.get(prefix ? a + b.slice(prefix) : a + b)];
    if (idA === undefined || idB === undefined || joined === undefined) {
      const lacking = idA === undefined ? a : idB === undefined ? b : a + b.slice(prefix);
      const what = `joins ${JSON.stringify(a)} and ${JSON.stringify(b)}, but model.vocab has no ${JSON.stringify(lacking)}`;
      throw fileError(file, `model.merges[${i}]`, what);
    }
    left[i] = idA;
    right[i] = idB;
    merged[i] = joined;
  });
  return { left, right, merged };
}
