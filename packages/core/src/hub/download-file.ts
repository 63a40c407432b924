import { EngineError } from "../errors.ts";
import { type Asked, answerError, connectionError, offlineError, responseError } from "./answer-error.ts";
import { fetchBlob, type RemoteBlob } from "./fetch-blob.ts";
import {
  blobPath,
  cachedCommit,
  isMarkedAbsent,
  linkBlob,
  markAbsent,
  repoFolder,
  sizeAt,
  snapshotPath,
  tagCache,
  writeRef,
} from "./hub-cache.ts";
import { HubError } from "./hub-error.ts";
import { hubFetch } from "./hub-fetch.ts";
import type { HubOptions } from "./hub-options.ts";
import { type HubSettings, hubSettings } from "./hub-settings.ts";
import { fileUrl, isCommit, isSafePath, parseRepo, type Repo } from "./repo.ts";

/**
 * A file of a repository on the hub: its path in the cache, downloaded if it is not there. The server is asked whether
 * a branch has moved; where it cannot be reached or refuses, what the cache has counts.
 *
 * @param id "owner/name"
 * @param path the file's path in the repository
 * @throws HubError with a `code`; for a file that is not there, "no-file"
 */
export async function downloadFile(id: string, path: string, options: HubOptions = {}): Promise<string> {
  const repo = parseRepo("downloadFile", id, options);
  if (!isSafePath(path)) {
    throw new EngineError("downloadFile", `${JSON.stringify(path)} is no path in a repository`, 'Write "folder/file".');
  }
  const settings = hubSettings(options);
  const asked: Asked = { where: "downloadFile", repo, file: path };
  const folder = repoFolder(settings, repo);
  settings.signal?.throwIfAborted();

  if (isCommit(repo.revision)) {
    const pointer = snapshotPath(folder, repo.revision, path);
    if ((await sizeAt(pointer)) !== null) return pointer;
  }
  if (settings.offline) return fromCache(asked, settings, folder, offlineError(asked, settings));

  let found: Found;
  try {
    found = await askHub(asked, settings, repo, path, folder);
  } catch (error) {
    const failure = connectionError(asked, settings, error);
    if (failure instanceof HubError && mayUseCache(failure)) return fromCache(asked, settings, folder, failure);
    throw failure;
  }
  await writeRef(folder, repo.revision, found.commit);
  return placeFile(asked, settings, folder, found.commit, found, options.onProgress);
}

/** Whether a failure leaves room for what the cache has: nobody answered, or nobody let us in. */
export const mayUseCache = ({ code }: HubError): boolean =>
  code === "unreachable" || code === "no-repo" || code === "gated" || code === "refused" || code === "corrupt";

async function fromCache(asked: Asked, settings: HubSettings, folder: string, failure: HubError): Promise<string> {
  const commit = await cachedCommit(folder, asked.repo.revision);
  if (commit === null) throw failure;
  const pointer = snapshotPath(folder, commit, asked.file!);
  if ((await sizeAt(pointer)) !== null) return pointer;
  if (failure.code === "offline" && (await isMarkedAbsent(folder, commit, asked.file!))) {
    throw answerError(asked, settings, { status: 404, code: "EntryNotFound" });
  }
  throw failure;
}

interface Found extends RemoteBlob {
  readonly commit: string;
}

/** What the hub says of a file, without its contents. */
async function askHub(asked: Asked, settings: HubSettings, repo: Repo, path: string, folder: string): Promise<Found> {
  const url = fileUrl(settings.endpoint, repo, repo.revision, path);
  const request = { method: "HEAD", headers: { "accept-encoding": "identity" }, stopOutside: true };
  const response = await hubFetch(settings, url, request);
  const { headers, status } = response;
  const commit = headers.get("x-repo-commit") ?? "";
  if (status >= 400) {
    const failure = await responseError(asked, settings, response);
    if (failure.code === "no-file" && isCommit(commit)) {
      await markAbsent(folder, commit, path);
      await writeRef(folder, repo.revision, commit);
    }
    throw failure;
  }
  await response.body?.cancel();
  const etag = (headers.get("x-linked-etag") ?? headers.get("etag") ?? "").replace(/^W\//, "").replaceAll('"', "");
  if (!isCommit(commit) || !/^\w[\w.-]{0,127}$/.test(etag)) {
    throw new HubError(
      asked.where,
      "corrupt",
      `${settings.endpoint} names no commit and no etag for ${path} of ${repo.id}`,
      "Check that HF_ENDPOINT is a Hugging Face hub, and what proxies do.",
    );
  }
  const location = headers.get("location");
  const redirected = location !== null && status >= 300 && status < 400;
  const linked = headers.get("x-linked-size");
  const length = linked ?? (redirected ? null : headers.get("content-length"));
  const size = length !== null && /^\d{1,15}$/.test(length) ? Number(length) : null;
  // Not the branch, which may move before its contents are asked for.
  const body = redirected ? new URL(location, response.url).href : fileUrl(settings.endpoint, repo, commit, path);
  return { url: body, etag, size, commit };
}

/** Blobs on their way in this process: whoever wants one that another call fetches waits for it. */
const underway = new Map<string, Promise<void>>();

/** Waits for another call's work, whose failure is that call's. */
async function settled(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal?.addEventListener("abort", stop, { once: true });
  await Promise.race([work.catch(() => {}), stopped]);
  signal?.removeEventListener("abort", stop);
  signal?.throwIfAborted();
}

/** Puts a file into a commit's snapshot, downloaded if its blob is not there. */
export async function placeFile(
  asked: Asked,
  settings: HubSettings,
  folder: string,
  commit: string,
  remote: RemoteBlob,
  onProgress: HubOptions["onProgress"],
): Promise<string> {
  const pointer = snapshotPath(folder, commit, asked.file!);
  const blob = blobPath(folder, remote.etag);
  const whole = async (path: string) => {
    const size = await sizeAt(path);
    return size !== null && (remote.size === null || size === remote.size);
  };
  for (let other = underway.get(blob); other; other = underway.get(blob)) {
    await settled(other, settings.signal);
  }
  const work = (async () => {
    if (await whole(pointer)) return;
    const isNew = !(await whole(blob));
    if (isNew) {
      await tagCache(settings.cacheDir);
      await fetchBlob(asked, settings, remote, blob, onProgress);
    }
    await linkBlob(blob, pointer, { copies: settings.copies, isNew });
  })();
  underway.set(blob, work);
  try {
    await work;
  } finally {
    underway.delete(blob);
  }
  return pointer;
}
