/** One folder of tokenized documents to one folder of chunks. */
import { join } from "node:path";
import { MdsWriter, openMds, type Tokenizer } from "@ettin/core";
import { type ChunkRules, chunkDocument } from "./chunk-document.ts";
import { Draws } from "./draws.ts";
import { type LengthStats, lengthStats } from "./length-stats.ts";
import { SHARD_HASHES } from "./shard-hashes.ts";
import { bosId, endOfText } from "./special-ids.ts";
import { tokensOf } from "./token-row.ts";
import { withPrefixSpace } from "./tokenize-source.ts";
import { makeWhole, readJsonFile, writeJson } from "./whole-folder.ts";

export interface ChunkJob {
  readonly source: string;
  readonly folder: string;
  /** The folder's name among the others: its draws belong to it. */
  readonly name: string;
  readonly rules: Required<ChunkRules>;
  readonly appendEos: boolean;
  readonly compression: string | null;
  readonly seed: number;
}

/** What became of the tokens of one folder, or of several. */
export interface ChunkStats extends LengthStats {
  readonly documents: number;
  /** Tokens that are in two chunks: none, the recipe moves them. */
  readonly tokensDuplicated: number;
  readonly tokensWritten: number;
  /** Tokens of pieces that were too short. */
  readonly tokensSkipped: number;
  /** Tokens that went from the end of one chunk to the start of the next. */
  readonly tokensMoved: number;
  /** Tokens by which chunks were too long once they were encoded again. */
  readonly tokensCut: number;
}

export const CHUNK_STATS = "stats.json";
export const TOKEN_DECILE = "token_decile.json";

const DOCUMENTS_AT_ONCE = 1000;

/** Tokens that tell whether a text begins with a space. */
const OPENING = 8;

interface Chunk {
  readonly id: string;
  ids: Uint32Array;
}

/** Chunks a folder, or returns what was found when it was chunked before. */
export async function chunkFolder(
  job: ChunkJob,
  tokenizer: Tokenizer,
  report: (tokens: number) => void,
  signal?: AbortSignal,
): Promise<ChunkStats> {
  const made = await makeWhole(job.folder, (partial) => fill(partial, job, tokenizer, report, signal));
  return made ?? (await readJsonFile<ChunkStats>(join(job.folder, CHUNK_STATS)))!;
}

async function fill(
  folder: string,
  job: ChunkJob,
  tokenizer: Tokenizer,
  report: (tokens: number) => void,
  signal?: AbortSignal,
): Promise<ChunkStats> {
  const columns = { id: "str", input_ids: "ndarray:uint32" };
  const writer = new MdsWriter(folder, { columns, compression: job.compression, hashes: SHARD_HASHES });
  const reader = await openMds(job.source, { columns: ["id", "input_ids"] });
  const draws = new Draws(job.seed, "chunk", job.name);
  const lengths: number[] = [];
  const totals = {
    documents: 0,
    tokensDuplicated: 0,
    tokensWritten: 0,
    tokensSkipped: 0,
    tokensMoved: 0,
    tokensCut: 0,
  };
  const eos = job.appendEos ? endOfText(tokenizer, "chunk") : null;
  let next: Chunk[] = [];
  const flush = async () => {
    totals.tokensCut += await startWithSpace(next, tokenizer, job.rules.chunkTokens);
    for (const { id, ids } of next) {
      await writer.write({ id, input_ids: ids });
      lengths.push(ids.length);
      totals.tokensWritten += ids.length;
    }
    next = [];
  };
  try {
    for (let i = 0; i < reader.length; i++) {
      const row = reader.row(i);
      const ids = tokensOf(row.input_ids, reader.folder, i);
      const whole = eos === null || ids.at(-1) === eos ? ids : Uint32Array.of(...ids, eos);
      const { chunks, dropped, moved } = chunkDocument(whole, job.rules, draws);
      for (const [part, each] of chunks.entries()) next.push({ id: `${row.id}-${part}`, ids: each });
      totals.documents++;
      totals.tokensSkipped += dropped;
      totals.tokensMoved += moved;
      report(ids.length);
      if ((i + 1) % DOCUMENTS_AT_ONCE === 0) {
        signal?.throwIfAborted();
        await flush();
      }
    }
    await flush();
  } finally {
    reader.close();
  }
  const { percentiles, decile } = lengthStats(lengths);
  const stats: ChunkStats = { ...totals, chunks: lengths.length, percentiles };
  await writer.finish();
  await writeJson(join(folder, CHUNK_STATS), stats);
  await writeJson(join(folder, TOKEN_DECILE), decile);
  return stats;
}

/**
 * A chunk whose text does not begin with a space is encoded again with one, special tokens around it; then each begins
 * with the token that begins texts.
 *
 * @returns tokens that were cut off chunks longer than `most`
 */
async function startWithSpace(chunks: readonly Chunk[], tokenizer: Tokenizer, most: number): Promise<number> {
  let cut = 0;
  const decode = (ids: Uint32Array) => tokenizer.decode(ids, { skipSpecialTokens: true });
  const bos = bosId(tokenizer, "chunk");
  const bare = chunks.filter(({ ids }) => !decode(ids.subarray(0, OPENING)).startsWith(" "));
  const { tokens, offsets } = await tokenizer.encodeBatch(bare.map(({ ids }) => withPrefixSpace(decode(ids))));
  for (const [i, chunk] of bare.entries()) {
    const [start, end] = [offsets[i]!, offsets[i + 1]!];
    cut += Math.max(0, end - start - most);
    chunk.ids = new Uint32Array(tokens.subarray(start, Math.min(end, start + most)));
  }
  for (const chunk of chunks) {
    if (chunk.ids[0] === bos) continue;
    const ids = new Uint32Array(Math.min(chunk.ids.length + 1, most));
    ids[0] = bos;
    cut += chunk.ids.length + 1 - ids.length;
    ids.set(chunk.ids.subarray(0, ids.length - 1), 1);
    chunk.ids = ids;
  }
  return cut;
}
