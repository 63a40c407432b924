/** Which byte-level tokenizers the native code covers, and how it is told about them. */
import { ADDED_FLAGS, type TokenizerDescription } from "../backend/addon.ts";
import { bytesOfToken, characterOfByte, isByteLevel } from "./byte-level.ts";
import type { Merges } from "./merges.ts";
import type { Component, TokenizerJson } from "./tokenizer-json.ts";

type Layout = Pick<TokenizerDescription, "prefixSpace" | "digits" | "pattern">;

const SPLITS: Readonly<Record<string, 1 | 2 | 3>> = {
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+": 1,
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+": 2,
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+": 3,
};

/** Bytes that a vocabulary may lack, as GPT-NeoX's does. */
const neverInUtf8 = (byte: number): boolean => byte === 0xc0 || byte === 0xc1 || byte > 0xf4;

/** The description of a tokenizer that the native code covers; null for any other. */
export function nativeLayout(
  json: TokenizerJson,
  merges: Merges,
  ids: ReadonlyMap<string, number>,
): TokenizerDescription | null {
  const { model, normalizer } = json;
  const layout = layoutOf(parts(json.pre_tokenizer, "pretokenizers"));
  const normalizers = parts(normalizer, "normalizers");
  const plain = [model.dropout, model.continuing_subword_prefix, model.end_of_word_suffix].every((value) => !value);
  const covered =
    layout !== null &&
    plain &&
    model.type === "BPE" &&
    normalizers.every(({ type }) => type === "NFC") &&
    !json.added_tokens.some(({ single_word }) => single_word);
  if (!covered) return null;

  const byteIds = Int32Array.from({ length: 256 }, (_, byte) => ids.get(characterOfByte(byte)) ?? -1);
  if (byteIds.some((id, byte) => id < 0 && !neverInUtf8(byte))) return null;
  const wholeWords = model.ignore_merges === true;
  const words = wholeWords ? [...ids.keys()].filter(isByteLevel) : [];
  const added = joined(json.added_tokens.map(({ content }) => new TextEncoder().encode(content)));
  const word = joined(words.map(bytesOfToken));
  return {
    ...layout,
    ...merges,
    byteIds,
    addedBytes: added.bytes,
    addedOffsets: added.offsets,
    addedIds: Int32Array.from(json.added_tokens, ({ id }) => id),
    addedFlags: Int32Array.from(
      json.added_tokens,
      ({ lstrip, rstrip, normalized }) =>
        (lstrip ? ADDED_FLAGS.lstrip : 0) +
        (rstrip ? ADDED_FLAGS.rstrip : 0) +
        (normalized ? ADDED_FLAGS.normalized : 0),
    ),
    wordBytes: word.bytes,
    wordOffsets: word.offsets,
    wordIds: Int32Array.from(words, (token) => ids.get(token)!),
    wholeWords,
    normalForm: normalizers.length > 0,
  };
}

/** A sequence's parts, or the one component itself. */
function parts(component: Component | null, field: string): readonly Component[] {
  if (component === null) return [];
  if (component.type !== "Sequence") return [component];
  const list = component[field];
  return Array.isArray(list) ? (list as Component[]) : [component];
}

/** ByteLevel alone, or after Digits, or after a Split by one of the known expressions. */
function layoutOf(preTokenizers: readonly Component[]): Layout | null {
  const byteLevel = preTokenizers.at(-1);
  if (byteLevel?.type !== "ByteLevel" || preTokenizers.length > 2) return null;
  const prefixSpace = byteLevel.add_prefix_space === true;
  const pattern = byteLevel.use_regex === false ? 0 : 1;
  const first = preTokenizers.length === 2 ? preTokenizers[0]! : null;
  if (first === null) return { prefixSpace, digits: 0, pattern };
  if (prefixSpace) return null; // it would go before every piece
  if (first.type === "Digits") {
    return { prefixSpace, digits: first.individual_digits === true ? 2 : 1, pattern };
  }
  const expression = (first.pattern as { Regex?: unknown } | undefined)?.Regex;
  const known = typeof expression === "string" ? SPLITS[expression] : undefined;
  const splits = first.type === "Split" && first.behavior === "Isolated" && first.invert !== true && pattern === 0;
  return splits && known !== undefined ? { prefixSpace, digits: 0, pattern: known } : null;
}

function joined(texts: readonly Uint8Array[]): { bytes: Uint8Array; offsets: Int32Array } {
  const offsets = new Int32Array(texts.length + 1);
  texts.forEach((text, i) => {
    offsets[i + 1] = offsets[i]! + text.length;
  });
  const bytes = new Uint8Array(offsets[texts.length]!);
  texts.forEach((text, i) => {
    bytes.set(text, offsets[i]!);
  });
  return { bytes, offsets };
}
