import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { EngineError, mergeIndexes } from "@ettin/core";
import { type DocumentOptions, sourceName } from "./document-reader.ts";
import { runJobs } from "./run-jobs.ts";
import { sumStats, type TokenizeStats } from "./tokenize-source.ts";
import { keepSettings, removePartial, writeJson } from "./whole-folder.ts";

export interface TokenizeOptions extends DocumentOptions {
  /**
   * Files (`.jsonl`, `.json`, `.txt`, each also `.gz` or `.zst`), folders of such files, and folders of MDS shards with
   * texts. Each becomes a subfolder of its name.
   */
  sources: readonly string[];
  /** The folder of the tokenizer. */
  tokenizer: string;
  /** Where the shards go: `<folder>/<source>/<part>`, and an index over all of them. */
  folder: string;
  /** Whether the special tokens of the tokenizer go around each text. @default true */
  addSpecialTokens?: boolean;
  /** Whether a text that does not begin with a space is given one, as the recipe's are. @default true */
  addPrefixSpace?: boolean;
  /** As `MdsWriter` takes it. @default null */
  compression?: string | null;
  /** Tokens after which a source begins another subfolder. @default 50e6 */
  partTokens?: number;
  /**
   * Threads that read, parse and write; encoding itself runs on the engine's own. 0: none but this one.
   *
   * @default as many as cores, at most one for each source
   */
  workers?: number;
  signal?: AbortSignal;
  /** Told how many UTF-16 units of text were read since the last call. */
  onProgress?: (characters: number) => void;
}

export interface TokenizeSummary extends TokenizeStats {
  readonly sources: Readonly<Record<string, TokenizeStats>>;
}

/**
 * Turns texts into token shards: columns `id`, `input_ids` (uint32), `len`, and `domain` where it is asked for. Can be
 * stopped at any time and started again with the same options: finished parts are kept, the others made again.
 *
 * @returns the counts that `<folder>/stats.json` holds
 * @throws EngineError naming file and line of a row that is no JSON, has no text or an empty one
 */
export async function tokenize(options: TokenizeOptions): Promise<TokenizeSummary> {
  const { folder, addSpecialTokens = true, addPrefixSpace = true, compression = null, partTokens = 50e6 } = options;
  if (!(partTokens >= 1)) throw new EngineError("tokenize", `partTokens is ${partTokens}`, "Pass a number from 1 on.");
  const sources = await findSources(options.sources);
  const { textColumn, idColumn, domainColumn, onBadRow, onEmptyText } = options;
  const documents: DocumentOptions = JSON.parse(
    JSON.stringify({ textColumn, idColumn, domainColumn, onBadRow, onEmptyText }),
  );
  const settings = {
    tokenizer: await tokenizerDigest(options.tokenizer),
    sources: Object.fromEntries([...sources].map(([name, { bytes }]) => [name, bytes])),
    ...{ documents, addSpecialTokens, addPrefixSpace, compression, partTokens },
  };
  await keepSettings("tokenize", folder, "tokenize.json", settings);
  await removePartial(folder);
  const jobs = [...sources].map(([name, { path }]) => ({
    source: path,
    folder: join(folder, name),
    ...{ documents, addSpecialTokens, addPrefixSpace, compression, partTokens },
  }));
  const results = await runJobs("tokenize", jobs, {
    workers: options.workers ?? availableParallelism(),
    tokenizer: options.tokenizer,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  const names = [...sources.keys()];
  const summary: TokenizeSummary = {
    ...sumStats(results),
    rows: results.reduce((sum, { rows }) => sum + rows, 0),
    sources: Object.fromEntries(names.map((name, i) => [name, results[i]!])),
  };
  if (summary.documents === 0) {
    const out = `${summary.skippedBad + summary.skippedEmpty} rows were left out`;
    const what = `there is no text in ${[...sources.values()].map(({ path }) => path).join(", ")}; ${out}`;
    throw new EngineError("tokenize", what, "Check the sources, and that textColumn names their texts.");
  }
  await mergeIndexes(folder, names);
  await writeJson(join(folder, "stats.json"), summary);
  return summary;
}

/** What tells one tokenizer from another. */
export async function tokenizerDigest(folder: string): Promise<string> {
  const path = join(folder, "tokenizer.json");
  try {
    return createHash("sha256")
      .update(await readFile(path))
      .digest("hex");
  } catch (cause) {
    const way = "Pass the folder of a tokenizer, or of a model that was saved with one.";
    throw new EngineError("tokenize", `${path}: ${(cause as Error).message}`, way, { cause });
  }
}

const READABLE = /\.(jsonl|json|txt)(\.gz|\.zst)?$/i;

/** Sources by name; folders of files are opened up. */
async function findSources(paths: readonly string[]): Promise<Map<string, { path: string; bytes: number }>> {
  const found = new Map<string, { path: string; bytes: number }>();
  const add = async (path: string, bytes: number) => {
    const name = sourceName(path);
    const other = found.get(name);
    if (other) {
      const what = `${other.path} and ${path} are both named ${JSON.stringify(name)}`;
      throw new EngineError("tokenize", what, "Rename one, or tokenize them into two folders.");
    }
    found.set(name, { path, bytes });
  };
  for (const path of paths) {
    const info = await stat(path).catch((cause: Error) => {
      throw new EngineError("tokenize", `${path}: ${cause.message}`, "Check the path.", { cause });
    });
    if (info.isDirectory()) {
      const names = (await readdir(path)).sort();
      const files = names.filter((name) => READABLE.test(name));
      if (names.includes("index.json")) await add(path, (await stat(join(path, "index.json"))).size);
      else if (files.length === 0) throw unreadable(path, "holds neither texts nor shards");
      else for (const name of files) await add(join(path, name), (await stat(join(path, name))).size);
    } else if (READABLE.test(path)) await add(path, info.size);
    else throw unreadable(path, "has a name that does not say what it holds");
  }
  if (found.size > 0) return found;
  throw new EngineError("tokenize", "there are no sources", "Pass files or folders of texts.");
}

const unreadable = (path: string, what: string): EngineError =>
  new EngineError(
    "tokenize",
    `${path} ${what}`,
    "Pass .jsonl, .json or .txt, also as .gz or .zst, or a folder of shards.",
  );
