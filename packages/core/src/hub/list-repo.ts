import { type Asked, connectionError, responseError } from "./answer-error.ts";
import { readTree, type TreeEntry, writeRef, writeTree } from "./hub-cache.ts";
import { HubError } from "./hub-error.ts";
import { hubFetch, isHubUrl } from "./hub-fetch.ts";
import type { HubSettings } from "./hub-settings.ts";
import { isCommit, isSafePath } from "./repo.ts";

/** The commit that a revision stands for, and its files. */
export interface RepoListing {
  readonly commit: string;
  readonly files: ReadonlyMap<string, TreeEntry>;
}

/** Beyond any repository of a model: a server that pages without end is stopped here. */
const MOST_FILES = 1_000_000;

/** Asks the hub what a revision holds. A commit whose listing the cache has needs no request. */
export async function listRepo(asked: Asked, settings: HubSettings, folder: string): Promise<RepoListing> {
  const { repo } = asked;
  try {
    const commit = isCommit(repo.revision) ? repo.revision : await askCommit(asked, settings);
    const kept = await readTree(folder, commit);
    const files = kept ?? (await askFiles(asked, settings, commit));
    await writeRef(folder, repo.revision, commit);
    if (!kept) await writeTree(folder, commit, files);
    return { commit, files };
  } catch (error) {
    throw connectionError(asked, settings, error);
  }
}

/**
 * `fetch` for the hub's library, which is loaded when it is first needed. Token, redirects and repetition are ours, and so are
 * errors: the library sees successes only.
 */
export function libraryFetch(asked: Asked, settings: HubSettings): typeof fetch {
  return async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    if ((init?.method ?? "GET") === "GET" && !isHubUrl(settings, url)) {
      throw new HubError(
        asked.where,
        "corrupt",
        `a list of ${asked.repo.id} goes on at ${new URL(url).host}`,
        "Check HF_ENDPOINT.",
      );
    }
    const response = await hubFetch(settings, url, init);
    if (!response.ok) throw await responseError(asked, settings, response);
    return response;
  };
}

async function askCommit(asked: Asked, settings: HubSettings): Promise<string> {
  const hub = await import("@huggingface/hub");
  const { id: name, type, revision } = asked.repo;
  const additionalFields: "sha"[] = ["sha"];
  const request = { name, revision, hubUrl: settings.endpoint, fetch: libraryFetch(asked, settings), additionalFields };
  const info = {
    model: () => hub.modelInfo(request),
    dataset: () => hub.datasetInfo(request),
    space: () => hub.spaceInfo(request),
  };
  const { sha }: { sha?: unknown } = await info[type]();
  if (typeof sha !== "string" || !isCommit(sha)) {
    throw new HubError(asked.where, "corrupt", `${settings.endpoint} names no commit of ${name}`, "Check HF_ENDPOINT.");
  }
  return sha;
}

async function askFiles(asked: Asked, settings: HubSettings, commit: string): Promise<Map<string, TreeEntry>> {
  const { listFiles } = await import("@huggingface/hub");
  const { id: name, type } = asked.repo;
  const files = new Map<string, TreeEntry>();
  const refuse = (what: string): never => {
    throw new HubError(
      asked.where,
      "corrupt",
      `the list of files of ${name} ${what}`,
      "The repository is not to be trusted.",
    );
  };
  const listing = listFiles({
    repo: { type, name },
    revision: commit,
    recursive: true,
    hubUrl: settings.endpoint,
    fetch: libraryFetch(asked, settings),
  });
  for await (const { type: kind, path, size, oid, lfs, xetHash } of listing) {
    if (kind === "directory") continue;
    if (typeof path !== "string" || !isSafePath(path)) refuse(`has the path ${JSON.stringify(path)}`);
    const large = lfs ? { lfs_sha256: lfs.oid, lfs_size: lfs.size } : {};
    if (!Number.isSafeInteger(size) || size < 0 || !/^[0-9a-f]{40}$/.test(oid ?? ""))
      refuse(`has no size or hash of ${path}`);
    if (lfs && (!/^[0-9a-f]{64}$/.test(lfs.oid) || !Number.isSafeInteger(lfs.size))) refuse(`has no sha256 of ${path}`);
    files.set(path, { size, blob_id: oid!, ...large, ...(xetHash ? { xet_hash: xetHash } : {}) });
    if (files.size > MOST_FILES) refuse(`has more than ${MOST_FILES} entries`);
  }
  return files;
}
