import type { Asked } from "./answer-error.ts";
import { offlineError } from "./answer-error.ts";
import { mayUseCache, placeFile } from "./download-file.ts";
import { globMatcher } from "./glob.ts";
import { cachedCommit, readTree, repoFolder, sizeAt, snapshotFolder, type TreeEntry } from "./hub-cache.ts";
import { HubError } from "./hub-error.ts";
import type { HubOptions } from "./hub-options.ts";
import { type HubSettings, hubSettings } from "./hub-settings.ts";
import { lackingFile, type NeededFiles } from "./lacking-file.ts";
import { listRepo } from "./list-repo.ts";
import { fileUrl, parseRepo, type Repo } from "./repo.ts";

export interface SnapshotOptions extends HubOptions {
  /** Shell patterns of paths to download, as in Python: `*` also matches "/". @default all */
  allowPatterns?: readonly string[];
  /** Shell patterns of paths to leave out. @default none */
  ignorePatterns?: readonly string[];
  /** Downloads at a time. @default 8 */
  maxWorkers?: number;
}

/**
 * A repository's files at one commit: the snapshot's folder in the cache, with what is missing downloaded. Offline, or
 * where the hub cannot be reached, the folder as the cache has it, perhaps with fewer files.
 *
 * @param id "owner/name"
 */
export function snapshotDownload(id: string, options: SnapshotOptions = {}): Promise<string> {
  const allowed = options.allowPatterns ? globMatcher(options.allowPatterns) : () => true;
  const ignored = globMatcher(options.ignorePatterns ?? []);
  const select = (paths: readonly string[]) => paths.filter((path) => allowed(path) && !ignored(path));
  return downloadSnapshot("snapshotDownload", id, options, select);
}

/**
 * `select` is shown all paths of the commit and says which to have.
 *
 * @param needed without which a snapshot that only the cache can give is an error: the one that kept the hub from it
 */
export async function downloadSnapshot(
  where: string,
  id: string,
  options: HubOptions & { maxWorkers?: number },
  select: (paths: readonly string[]) => readonly string[],
  needed: NeededFiles = {},
): Promise<string> {
  const repo = parseRepo(where, id, options);
  const settings = hubSettings(options);
  const asked: Asked = { where, repo };
  const folder = repoFolder(settings, repo);
  settings.signal?.throwIfAborted();
  const fromCache = (failure: HubError) => cachedSnapshot(asked, settings, folder, select, needed, failure);
  if (settings.offline) return fromCache(offlineError(asked, settings));

  let listing: Awaited<ReturnType<typeof listRepo>>;
  try {
    listing = await listRepo(asked, settings, folder);
  } catch (error) {
    if (error instanceof HubError && mayUseCache(error)) return fromCache(error);
    throw error;
  }
  const { commit, files } = listing;
  const paths = [...select([...files.keys()])];
  await inParallel(paths, options.maxWorkers ?? 8, settings, (path, stopping) =>
    placeFile(
      { ...asked, file: path },
      stopping,
      folder,
      commit,
      remoteOf(settings, repo, commit, path, files.get(path)!),
      options.onProgress,
    ),
  );
  return snapshotFolder(folder, commit);
}

async function cachedSnapshot(
  asked: Asked,
  settings: HubSettings,
  folder: string,
  select: (paths: readonly string[]) => readonly string[],
  needed: NeededFiles,
  failure: HubError,
): Promise<string> {
  const commit = await cachedCommit(folder, asked.repo.revision);
  const snapshot = commit === null ? null : snapshotFolder(folder, commit);
  if (commit === null || snapshot === null || (await sizeAt(snapshot)) === null) throw failure;
  if (!needed.needed && !needed.neededIfListed) return snapshot;
  const tree = await readTree(folder, commit);
  const file = await lackingFile(snapshot, needed, tree && select([...tree.keys()]));
  if (file === null) return snapshot;
  if (failure.code === "offline") throw offlineError({ ...asked, file }, settings);
  const what = `${failure.what}, and the cache lacks ${file}`;
  throw new HubError(failure.where, failure.code, what, failure.wayOut, { cause: failure });
}

const remoteOf = (settings: HubSettings, repo: Repo, commit: string, path: string, entry: TreeEntry) => ({
  url: fileUrl(settings.endpoint, repo, commit, path),
  etag: entry.lfs_sha256 ?? entry.blob_id,
  size: entry.lfs_size ?? entry.size,
});

/** Runs a task per path, a few at a time. The first failure stops the others, and is thrown when they have ended. */
async function inParallel(
  paths: readonly string[],
  workers: number,
  settings: HubSettings,
  run: (path: string, settings: HubSettings) => Promise<unknown>,
): Promise<void> {
  const failed = new AbortController();
  const signal = settings.signal ? AbortSignal.any([settings.signal, failed.signal]) : failed.signal;
  const queue = [...paths];
  let first: { error: unknown } | null = null;
  const work = async () => {
    for (let path = queue.shift(); path !== undefined && !signal.aborted; path = queue.shift()) {
      try {
        await run(path, { ...settings, signal });
      } catch (error) {
        first ??= { error };
        failed.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(workers, paths.length)) }, work));
  settings.signal?.throwIfAborted();
  if (first) throw (first as { error: unknown }).error;
}
