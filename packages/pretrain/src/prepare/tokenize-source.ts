/** One source of texts to one folder of token shards: `<out>/<name>/<part>`. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { MdsWriter, type PackedTokens, type Tokenizer } from "@ettin/core";
import { type DocumentBatch, type DocumentOptions, readDocuments } from "./document-reader.ts";
import { SHARD_HASHES } from "./shard-hashes.ts";
import { moveWhole, partialFolder, readJsonFile, removePartial, writeJson } from "./whole-folder.ts";

/** What a source became. Counts of a part, or of all parts of a source. */
export interface TokenizeStats {
  readonly documents: number;
  readonly tokens: number;
  /** Tokens of documents that are cut at 1,024. */
  readonly tokensAt1024: number;
  /** Bytes of the texts in UTF-8. */
  readonly textBytes: number;
  readonly skippedEmpty: number;
  readonly skippedBad: number;
  /** Rows from the start of the source to here: lines of a file. */
  readonly rows: number;
}

export interface TokenizeJob {
  readonly source: string;
  /** The folder for this source. */
  readonly folder: string;
  readonly documents: DocumentOptions;
  readonly addSpecialTokens: boolean;
  readonly addPrefixSpace: boolean;
  readonly compression: string | null;
  /** Tokens after which a new part begins. */
  readonly partTokens: number;
}

const CUT = 1024;
const PART_STATS = "stats.json";

/** Tokenizes a source. Parts that are finished are kept; an unfinished one is made again. */
export async function tokenizeSource(
  job: TokenizeJob,
  tokenizer: Tokenizer,
  report: (characters: number) => void,
  signal?: AbortSignal,
): Promise<TokenizeStats> {
  const done = await readJsonFile<TokenizeStats>(join(job.folder, PART_STATS));
  if (done) return done;
  await mkdir(job.folder, { recursive: true });
  await removePartial(job.folder);
  const parts: TokenizeStats[] = [];
  for (;;) {
    const before = await readJsonFile<TokenizeStats>(join(job.folder, partName(parts.length), PART_STATS));
    if (!before) break;
    parts.push(before);
  }

  const out = new PartWriter(job, parts);
  let encoding: Promise<() => Promise<void>> | null = null; // the batch before, so that reading and encoding overlap
  try {
    for await (const batch of readDocuments(job.source, job.documents, parts.at(-1)?.rows ?? 0)) {
      signal?.throwIfAborted();
      const next = encode(batch, job, tokenizer).then((tokens) => () => out.write(batch, tokens));
      next.catch(() => {});
      if (encoding) await (await encoding)();
      encoding = next;
      report(batch.texts.reduce((sum, text) => sum + text.length, 0));
    }
    if (encoding) await (await encoding)();
    await out.finish();
  } catch (error) {
    await encoding?.catch(() => {});
    throw error;
  }
  const total = sumStats(parts);
  await writeJson(join(job.folder, PART_STATS), total);
  return total;
}

async function encode(batch: DocumentBatch, job: TokenizeJob, tokenizer: Tokenizer): Promise<PackedTokens> {
  const texts = job.addPrefixSpace ? batch.texts.map(withPrefixSpace) : batch.texts;
  return tokenizer.encodeBatch(texts, { addSpecialTokens: job.addSpecialTokens });
}

/** What the tokenizers library calls add_prefix_space. */
export const withPrefixSpace = (text: string): string => (text.startsWith(" ") ? text : ` ${text}`);

const partName = (i: number): string => String(i).padStart(5, "0");

const EMPTY: TokenizeStats = {
  documents: 0,
  tokens: 0,
  tokensAt1024: 0,
  textBytes: 0,
  skippedEmpty: 0,
  skippedBad: 0,
  rows: 0,
};

/** The counts of parts together. `rows` of a part count from the start of the source. */
export function sumStats(parts: readonly TokenizeStats[]): TokenizeStats {
  const sum = (key: keyof TokenizeStats) => parts.reduce((total, part) => total + part[key], 0);
  return {
    documents: sum("documents"),
    tokens: sum("tokens"),
    tokensAt1024: sum("tokensAt1024"),
    textBytes: sum("textBytes"),
    skippedEmpty: sum("skippedEmpty"),
    skippedBad: sum("skippedBad"),
    rows: parts.reduce((most, { rows }) => Math.max(most, rows), 0),
  };
}

/** Writes documents to parts, each complete before the next one begins. */
class PartWriter {
  readonly #job: TokenizeJob;
  readonly #parts: TokenizeStats[];
  #writer: MdsWriter | null = null;
  #stats: { -readonly [Key in keyof TokenizeStats]: number } = { ...EMPTY };

  constructor(job: TokenizeJob, parts: TokenizeStats[]) {
    this.#job = job;
    this.#parts = parts;
  }

  async write(batch: DocumentBatch, { tokens, offsets }: PackedTokens): Promise<void> {
    const stats = this.#stats;
    this.#writer ??= this.#begin();
    for (const [i, text] of batch.texts.entries()) {
      const ids = tokens.subarray(offsets[i]!, offsets[i + 1]!);
      if (ids.length === 0) {
        stats.skippedEmpty++; // the tokenizer's normalizer left nothing of it
        continue;
      }
      const row = {
        id: batch.ids[i]!,
        input_ids: new Uint32Array(ids.buffer, ids.byteOffset, ids.length),
        len: ids.length,
      };
      await this.#writer.write(batch.domains ? { ...row, domain: batch.domains[i]! } : row);
      stats.documents++;
      stats.tokens += ids.length;
      stats.tokensAt1024 += Math.min(ids.length, CUT);
      stats.textBytes += Buffer.byteLength(text);
    }
    stats.skippedBad += batch.bad;
    stats.skippedEmpty += batch.empty;
    stats.rows = batch.rows;
    if (stats.tokens >= this.#job.partTokens) await this.finish();
  }

  /** Completes the part at hand. */
  async finish(): Promise<void> {
    if (!this.#writer) return;
    const partial = this.#writer.folder;
    await this.#writer.finish();
    await writeJson(join(partial, PART_STATS), this.#stats);
    await moveWhole(partial, join(this.#job.folder, partName(this.#parts.length)));
    this.#parts.push(this.#stats);
    this.#stats = { ...EMPTY, rows: this.#stats.rows };
    this.#writer = null;
  }

  #begin(): MdsWriter {
    const { folder, compression, documents } = this.#job;
    const columns: Record<string, string> = { id: "str", input_ids: "ndarray", len: "int" };
    if (documents.domainColumn !== undefined) columns.domain = "str";
    const part = partialFolder(join(folder, partName(this.#parts.length)));
    return new MdsWriter(part, { columns, compression, hashes: SHARD_HASHES });
  }
}
