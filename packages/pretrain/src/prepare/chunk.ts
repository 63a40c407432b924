import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { EngineError, mergeIndexes } from "@ettin/core";
import { type ChunkRules, checkChunkRules } from "./chunk-document.ts";
import type { ChunkStats } from "./chunk-folder.ts";
import { datasetFolders, indexDigest } from "./dataset-folders.ts";
import { runJobs } from "./run-jobs.ts";
import { tokenizerDigest } from "./tokenize.ts";
import { keepSettings, readJsonFile, writeJson } from "./whole-folder.ts";

export interface ChunkOptions extends ChunkRules {
  /** A folder of tokenized documents, with subfolders or without. */
  source: string;
  /** The folder of the tokenizer. */
  tokenizer: string;
  /** Where the chunks go, under the names of the source's subfolders, and an index over all of them. */
  folder: string;
  /** Whether a document that does not end with the token that ends texts is given it. @default false */
  appendEos?: boolean;
  /** As `MdsWriter` takes it. @default null */
  compression?: string | null;
  /** Decides how many tokens move. @default 42 */
  seed?: number;
  /** Threads; 0: none but this one. @default as many as cores, at most one for each subfolder */
  workers?: number;
  signal?: AbortSignal;
  /** Told how many tokens were read since the last call. */
  onProgress?: (tokens: number) => void;
}

/** Counts over all subfolders; their own are in each one's `stats.json`, percentiles among them. */
export type ChunkSummary = Omit<ChunkStats, "percentiles">;

/**
 * Cuts tokenized documents to the lengths that a phase trains on: columns `id` and `input_ids`. Short documents are kept
 * whole, never joined. Every chunk begins with the token that begins texts, and its text with a space. Can be stopped at
 * any time and started again with the same options: finished subfolders are kept.
 *
 * @throws EngineError naming the shard, for one that is damaged
 */
export async function chunk(options: ChunkOptions): Promise<ChunkSummary> {
  const { source, folder, appendEos = false, compression = null, seed = 42 } = options;
  const rules = checkChunkRules("chunk", options);
  if (!Number.isSafeInteger(seed)) throw new EngineError("chunk", `seed is ${seed}`, "Pass a whole number.");
  const paths = await datasetFolders("chunk", source);
  const names = paths.map((path) => path || basename(resolve(source)));
  const tokenizer = await tokenizerDigest(options.tokenizer);
  await checkTokenizer(source, options.tokenizer, tokenizer);
  const settings = {
    ...{ folders: names, source: await indexDigest(source), tokenizer },
    ...{ ...rules, appendEos, compression, seed },
  };
  await keepSettings("chunk", folder, "chunk.json", settings);
  const jobs = names.map((name, i) => ({
    source: join(source, paths[i]!),
    folder: join(folder, name),
    ...{ name, rules, appendEos, compression, seed },
  }));
  const results = await runJobs("chunk", jobs, {
    workers: options.workers ?? availableParallelism(),
    tokenizer: options.tokenizer,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  const sum = (key: keyof ChunkSummary) => results.reduce((total, each) => total + each[key], 0);
  const summary: ChunkSummary = {
    documents: sum("documents"),
    chunks: sum("chunks"),
    tokensWritten: sum("tokensWritten"),
    tokensSkipped: sum("tokensSkipped"),
    tokensMoved: sum("tokensMoved"),
    tokensCut: sum("tokensCut"),
    tokensDuplicated: sum("tokensDuplicated"),
  };
  await mergeIndexes(folder);
  await writeJson(join(folder, "stats.json"), summary);
  return summary;
}

/** Another tokenizer's special tokens would be put between the ids. */
async function checkTokenizer(source: string, given: string, digest: string): Promise<void> {
  const file = join(source, "tokenize.json");
  const before = await readJsonFile<{ tokenizer?: unknown }>(file);
  if (typeof before?.tokenizer !== "string" || before.tokenizer === digest) return;
  throw new EngineError(
    "chunk",
    `${source} was tokenized with another tokenizer: the sha256 of its tokenizer.json is ${before.tokenizer}, of ${given} ${digest}`,
    `Pass the one of the texts. If it is the same, saved anew, remove ${file}.`,
  );
}
