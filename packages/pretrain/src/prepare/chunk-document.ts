import { EngineError } from "@ettin/core";
import type { Draws } from "./draws.ts";

export interface ChunkRules {
  /**
   * Most tokens of a chunk, two of them kept free for the special tokens around it.
   *
   * @default 1024, of the recipe's pretraining; its later phases have 8000
   */
  chunkTokens?: number;
  /**
   * A last piece shorter than this takes tokens from the end of the piece before.
   *
   * @default 512
   */
  minTokens?: number;
  /**
   * A piece after the first that is shorter than this is dropped. The recipe's settings have 128 in one place and 32 in
   * another.
   *
   * @default 128
   */
  skipTokens?: number;
  /** Whether a document shorter than `skipTokens` is dropped too. @default false */
  skipShortDocuments?: boolean;
}

/** @throws EngineError naming the rule that cannot be */
export function checkChunkRules(where: string, rules: ChunkRules): Required<ChunkRules> {
  const { chunkTokens = 1024, minTokens = 512, skipTokens = 128, skipShortDocuments = false } = rules;
  const checked = { chunkTokens, minTokens, skipTokens, skipShortDocuments };
  const beside = `, and chunkTokens ${chunkTokens}`;
  for (const [name, value, least, most, why] of [
    ["chunkTokens", chunkTokens, 3, 2 ** 31, ""],
    ["minTokens", minTokens, 0, chunkTokens - 2, beside],
    ["skipTokens", skipTokens, 0, chunkTokens - 2, beside],
  ] as const) {
    if (Number.isSafeInteger(value) && value >= least && value <= most) continue;
    throw new EngineError(where, `${name} is ${value}${why}`, `Pass a whole number from ${least} to ${most}.`);
  }
  return checked;
}

/**
 * Cuts a document as the recipe does: pieces of `chunkTokens - 2`; pieces after the first that are shorter than
 * `skipTokens` are dropped; one that is shorter than `minTokens` is filled up with a random number of tokens from the end
 * of the piece before, which loses them. No token is there twice.
 *
 * @returns views of `ids`, in order, and how many tokens were dropped and moved
 */
export function chunkDocument(
  ids: Uint32Array,
  { chunkTokens, minTokens, skipTokens, skipShortDocuments }: Required<ChunkRules>,
  draws: Draws,
): { chunks: Uint32Array[]; dropped: number; moved: number } {
  const size = chunkTokens - 2;
  const cuts: number[] = []; // where each kept piece starts; the last entry is where the last one ends
  let [dropped, moved] = [0, 0];
  let end = 0;
  for (let start = 0; start < ids.length; start += size) {
    const length = Math.min(size, ids.length - start);
    const first = start === 0;
    if (length < skipTokens && (!first || skipShortDocuments)) {
      dropped += length;
      continue;
    }
    let from = start;
    if (length < minTokens && !first) {
      const taken = draws.below(size - length);
      moved += taken;
      from -= taken;
    }
    cuts.push(from);
    end = start + length;
  }
  const chunks = cuts.map((start, i) => ids.subarray(start, cuts[i + 1] ?? end));
  return { chunks, dropped, moved };
}
