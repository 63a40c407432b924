/**
 * The cache's layout, which Python's client shares:
 *
 *     models--owner--name/blobs/{etag}                 contents
 *                         refs/{revision}              the commit that a branch or tag had last
 *                         snapshots/{commit}/{path}    links to blobs
 *                         .no_exist/{commit}/{path}    empty: known not to be there
 *                         trees/{commit}.json          all files of a commit
 *
 * Nothing is written in place: a file appears by a rename from a name of its own, so processes need no lock between
 * them and readers see whole files only.
 */
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import type { HubSettings } from "./hub-settings.ts";
import { isCommit, isSafePath, type Repo, repoFolderName } from "./repo.ts";

/** What a listing says of a file, in the fields that Python's client keeps. */
export interface TreeEntry {
  readonly size: number;
  /** git's name of the content; of a large file, of its pointer. */
  readonly blob_id: string;
  readonly lfs_sha256?: string;
  readonly lfs_size?: number;
  readonly xet_hash?: string;
}

const TAG = `Signature: 8a477f597d28d172789f06886806bc55
# This folder holds downloads that can be made again: https://bford.info/cachedir/
`;

export const repoFolder = (settings: HubSettings, repo: Repo): string => join(settings.cacheDir, repoFolderName(repo));

export const blobPath = (folder: string, etag: string): string => join(folder, "blobs", etag);

export const snapshotFolder = (folder: string, commit: string): string => join(folder, "snapshots", commit);

export const snapshotPath = (folder: string, commit: string, path: string): string =>
  join(snapshotFolder(folder, commit), ...path.split("/"));

/** Size of what is at a path, through links; null where nothing is. */
export const sizeAt = (path: string): Promise<number | null> =>
  stat(path).then(
    ({ size }) => size,
    () => null,
  );

/** A name beside a path that no other process uses. */
export const nameBeside = (path: string, end: string): string => `${path}.${randomBytes(4).toString("hex")}.${end}`;

/** The commit that a revision stands for, as far as the cache knows. */
export async function cachedCommit(folder: string, revision: string): Promise<string | null> {
  if (isCommit(revision)) return revision;
  const commit = await readFile(join(folder, "refs", ...revision.split("/")), "utf8").then(
    (text) => text.trim(),
    () => "",
  );
  return isCommit(commit) ? commit : null;
}

export async function writeRef(folder: string, revision: string, commit: string): Promise<void> {
  if (revision === commit || (await cachedCommit(folder, revision)) === commit) return;
  await unlessReadOnly(writeWhole(join(folder, "refs", ...revision.split("/")), commit));
}

/** Remembers that a commit has no such file. */
export async function markAbsent(folder: string, commit: string, path: string): Promise<void> {
  const marker = join(folder, ".no_exist", commit, ...path.split("/"));
  if ((await sizeAt(marker)) !== null) return;
  await unlessReadOnly(mkdir(dirname(marker), { recursive: true }).then(() => writeFile(marker, "")));
}

export const isMarkedAbsent = async (folder: string, commit: string, path: string): Promise<boolean> =>
  (await sizeAt(join(folder, ".no_exist", commit, ...path.split("/")))) !== null;

/** All files of a commit, where a listing was kept. */
export async function readTree(folder: string, commit: string): Promise<ReadonlyMap<string, TreeEntry> | null> {
  try {
    const tree: unknown = JSON.parse(await readFile(join(folder, "trees", `${commit}.json`), "utf8"));
    const { format_version: version, files } = tree as { format_version: unknown; files: Record<string, TreeEntry> };
    const entries = Object.entries(files);
    const known =
      version === 1 && entries.every(([path, entry]) => isSafePath(path) && Number.isSafeInteger(entry.size));
    return known ? new Map(entries) : null;
  } catch {
    return null; // none, or none that we can read: it is asked for again
  }
}

export function writeTree(folder: string, commit: string, tree: ReadonlyMap<string, TreeEntry>): Promise<void> {
  const files = Object.fromEntries([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
  const text = JSON.stringify({ format_version: 1, files }, null, 1);
  return unlessReadOnly(writeWhole(join(folder, "trees", `${commit}.json`), text));
}

/** Tells backup programs that they may leave the cache out. */
export async function tagCache(cacheDir: string): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  await writeFile(join(cacheDir, "CACHEDIR.TAG"), TAG, { flag: "wx" }).catch(() => {}); // it is there, or need not be
}

/** Notes for later may fail in a cache that others fill and this process only reads. */
function unlessReadOnly(note: Promise<void>): Promise<void> {
  return note.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EROFS" && error.code !== "EACCES" && error.code !== "EPERM") throw error;
  });
}

async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const beside = nameBeside(path, "tmp");
  await writeFile(beside, text);
  await rename(beside, path);
}

/**
 * Puts a blob into a snapshot: a relative link; where links are impossible or unwanted the file itself, moved if it is
 * new, else copied.
 */
export async function linkBlob(
  blob: string,
  pointer: string,
  options: { copies: boolean; isNew: boolean },
): Promise<void> {
  await mkdir(dirname(pointer), { recursive: true });
  const target = relative(dirname(pointer), blob);
  if (!options.copies) {
    const beside = nameBeside(pointer, "tmp");
    try {
      if ((await readlink(pointer).catch(() => null)) === target) return;
      await symlink(target, beside);
      await rename(beside, pointer); // over a link to nothing, or to an older blob
      return;
    } catch (error) {
      await rm(beside, { force: true });
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "EPERM" && code !== "EACCES" && code !== "ENOTSUP" && code !== "ENOSYS" && code !== "UNKNOWN")
        throw error;
    }
  }
  if (options.isNew) return rename(blob, pointer);
  const beside = nameBeside(pointer, "tmp");
  await copyFile(blob, beside);
  await rename(beside, pointer);
}
