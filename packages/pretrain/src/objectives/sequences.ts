/** Rows to sequences: how an example is prepared when it is loaded. */
import {
  type CollatePlace,
  EngineError,
  type PackedTokens,
  packTokens,
  placeOfRow,
  type Row,
  type Tokenizer,
} from "@ettin/core";
import { isTokenizer, type TokenIds, tokenIdsOf } from "./token-ids.ts";

export interface SequenceOptions {
  /** The tokenizer; or its ids, for rows that are encoded already. */
  tokenizer: Tokenizer | TokenIds;
  /**
   * The most tokens of a sequence, special ones included. What is beyond is cut off.
   *
   * @default 1024
   */
  maxSeqLen?: number;
}

/** Makes packed batches of rows. */
export type Sequencer = (rows: readonly Row[], at: CollatePlace) => PackedTokens | Promise<PackedTokens>;

/**
 * Rows to one packed batch. A row has `input_ids` (or `ids`, as `tokenizer.encode` gives them), or `text` where the
 * tokenizer itself was given. Each begins with the first special id, which is put before it where it is missing, and is
 * cut to `maxSeqLen`. An encoder's ends with the last special id, for which room is made; a decoder's ends as it does in
 * the data.
 *
 * @param where the function that the caller wrote
 * @throws EngineError naming the row: without ids, with none, or with an id outside the vocabulary
 */
export function sequencer(
  where: string,
  { tokenizer, maxSeqLen = 1024 }: SequenceOptions,
  encoder: boolean,
): Sequencer {
  const ids = tokenIdsOf(where, tokenizer);
  const shortest = encoder ? 3 : 2;
  if (!(Number.isInteger(maxSeqLen) && maxSeqLen >= shortest)) {
    throw new EngineError(where, `maxSeqLen is ${maxSeqLen}`, `Use a whole number from ${shortest} on.`);
  }
  const prepare = (values: ArrayLike<number>, name: () => string) =>
    prepared(where, values, name, ids, maxSeqLen, encoder);
  return (rows, at) => {
    const named = (i: number) => () => nameOf(rows[i]!, i, at);
    const found = rows.map(idsIn);
    if (found.every((values) => values !== null))
      return packTokens(found.map((values, i) => prepare(values, named(i))));

    if (!isTokenizer(tokenizer)) {
      const i = found.indexOf(null);
      throw new EngineError(
        where,
        `${nameOf(rows[i]!, i, at)} has no input_ids, but ${Object.keys(rows[i]!).join(", ") || "no columns"}`,
        "Encode the texts beforehand, or give the collator the tokenizer itself.",
      );
    }
    return encodedTexts(where, tokenizer, rows, named).then(({ tokens, offsets }) =>
      packTokens(rows.map((_, i) => prepare(found[i] ?? tokens.subarray(offsets[i]!, offsets[i + 1]!), named(i)))),
    );
  };
}

/** The ids of a row, or null where it has none. */
function idsIn(row: Row): ArrayLike<number> | null {
  const values = row.input_ids ?? row.ids;
  return Array.isArray(values) || (ArrayBuffer.isView(values) && "length" in values)
    ? (values as ArrayLike<number>)
    : null;
}

function nameOf(row: Row, i: number, { step, firstSequence }: CollatePlace): string {
  const from = placeOfRow(row) ?? (typeof row.id === "string" ? `id "${row.id}"` : null);
  return `row ${firstSequence + i} of step ${step}${from === null ? "" : ` (${from})`}`;
}

async function encodedTexts(
  where: string,
  tokenizer: Tokenizer,
  rows: readonly Row[],
  named: (i: number) => () => string,
): Promise<PackedTokens> {
  const texts = rows.map((row, i) => {
    if (idsIn(row)) return "";
    const { text } = row;
    if (typeof text === "string" && text.trim() !== "") return text;
    const what = typeof text === "string" ? "an empty text" : "neither input_ids nor a text";
    throw new EngineError(
      where,
      `${named(i)()} has ${what}`,
      'Give every row "input_ids" or "text"; leave empty texts out.',
    );
  });
  return tokenizer.encodeBatch(texts);
}

function prepared(
  where: string,
  values: ArrayLike<number>,
  name: () => string,
  { cls, sep, vocabSize }: TokenIds,
  maxSeqLen: number,
  encoder: boolean,
): Int32Array {
  if (values.length === 0) {
    throw new EngineError(where, `${name()} has no tokens`, "Leave empty rows out of the data.");
  }
  const begun = values[0] === cls ? 0 : 1;
  const length = Math.min(maxSeqLen, begun + values.length);
  const ends = !encoder || values[length - 1 - begun] === sep;
  const kept = ends ? length : Math.min(length, maxSeqLen - 1);
  const sequence = new Int32Array(ends ? kept : kept + 1);
  sequence[0] = cls;
  for (let t = begun; t < kept; t++) {
    const id = values[t - begun]!;
    if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new EngineError(
        where,
        `${name()} has ${id} at place ${t - begun}, but ids go from 0 to ${vocabSize - 1}`,
        "Encode it with the tokenizer of the model.",
      );
    }
    sequence[t] = id;
  }
  if (!ends) sequence[kept] = sep;
  return sequence;
}
