import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { EngineError } from "../errors.ts";
import { type Asked, answerError, connectionError } from "./answer-error.ts";
import { HubError } from "./hub-error.ts";
import { hubFetch } from "./hub-fetch.ts";
import { type HubSettings, hubSettings } from "./hub-settings.ts";
import { fileUrl, isRepoId, isSafePath, type Repo, repoPage } from "./repo.ts";

export interface UploadProgress {
  /** The file's path in the repository. */
  readonly file: string;
  readonly state: "hashing" | "uploading";
  /** 0 to 1. */
  readonly done: number;
}

export interface PushToHubOptions {
  /** "owner/name"; "name" alone is one of the token's owner. Made if it is not there. */
  repo: string;
  /** Of a repository that is made now. @default as its owner has set; usually public */
  private?: boolean;
  /** The branch; made from the main one if it is not there. @default "main" */
  revision?: string;
  /** @default "Upload model" */
  commitMessage?: string;
  /** Paragraphs below the message; the text of a pull request. */
  commitDescription?: string;
  /** Proposes the commit as a pull request in place of making it. @default false */
  createPr?: boolean;
  /** Paths of files that stay as they are where the repository has them, such as "README.md". @default none */
  keepExisting?: readonly string[];
  /** With permission to write. @default the environment variable HF_TOKEN, else the file that `hf auth login` writes */
  token?: string;
  /** @default the environment variable HF_ENDPOINT, else "https://huggingface.co" */
  endpoint?: string;
  /** Stops the work before the commit, which happens as a whole. */
  signal?: AbortSignal;
  onProgress?: (progress: UploadProgress) => void;
}

/** What a push made. */
export interface PushedCommit {
  /** The commit's 40 digits. */
  readonly commit: string;
  /** Its page. */
  readonly url: string;
  /** The page of the pull request that `createPr` opened, else null. */
  readonly pullRequest: string | null;
  /** Those of `keepExisting` that the repository had: they were not uploaded. */
  readonly kept: readonly string[];
}

const WHERE = "pushToHub";

/**
 * Uploads a folder to a repository of the hub, as one commit. Files and folders whose names start with a dot stay here
 * (but `.gitattributes`); files of the repository that the folder does not have stay there.
 *
 * @throws HubError when the token may not write, the name is taken, or the hub cannot be reached
 */
export async function pushToHub(folder: string, options: PushToHubOptions): Promise<PushedCommit> {
  const { revision = "main" } = options;
  const settings = hubSettings(options);
  if (!isRepoId(options.repo)) {
    throw new EngineError(WHERE, `${JSON.stringify(options.repo)} is no repository name`, 'Write it as "owner/name".');
  }
  if (!isSafePath(revision)) {
    throw new EngineError(WHERE, `revision is ${JSON.stringify(revision)}`, "Use the name of a branch.");
  }
  if (settings.offline) {
    throw new HubError(WHERE, "offline", `${options.repo} cannot be written in offline mode`, "Unset HF_HUB_OFFLINE.");
  }
  if (settings.token === null) {
    throw new HubError(
      WHERE,
      "refused",
      `no token to write to ${options.repo} with`,
      `Make one with permission to write at ${settings.endpoint}/settings/tokens and set HF_TOKEN to it.`,
    );
  }
  const files = await filesBelow(folder);
  const repo: Repo = { id: options.repo, type: "model", revision };
  try {
    return await push(folder, files, repo, settings, options);
  } catch (error) {
    settings.signal?.throwIfAborted();
    throw connectionError({ where: WHERE, repo }, settings, error);
  }
}

async function push(
  folder: string,
  files: readonly string[],
  named: Repo,
  settings: HubSettings,
  options: PushToHubOptions,
): Promise<PushedCommit> {
  const hub = await import("@huggingface/hub");
  const hubUrl = settings.endpoint;
  const { commitMessage = "Upload model", commitDescription, createPr = false, keepExisting = [] } = options;
  // The token goes into requests in hubFetch; the library, which asks for one, gets none.
  const accessToken = undefined as unknown as string;
  const request = (repo: Repo, ...fine: number[]) => ({
    repo: { type: repo.type, name: repo.id },
    hubUrl,
    accessToken,
    fetch: uploadFetch({ where: WHERE, repo }, settings, fine),
  });

  const own = named.id.includes("/") ? "" : `${(await hub.whoAmI(request(named))).name}/`;
  const repo: Repo = { ...named, id: `${own}${named.id}` };
  const visibility = options.private ? "private" : "public";
  // Who may not make a repository there may still propose a change to the one that is there.
  const there = createPr ? [409, 403] : [409];
  await hub.createRepo({ ...request(repo, ...there), ...(options.private === undefined ? {} : { visibility }) });
  if (repo.revision !== "main") await hub.createBranch({ ...request(repo, ...there), branch: repo.revision });
  const kept: string[] = [];
  for (const path of keepExisting) if (files.includes(path) && (await isThere(repo, path, settings))) kept.push(path);
  const commit = hub.commitIter({
    ...request(repo),
    branch: repo.revision,
    title: commitMessage,
    ...(commitDescription !== undefined && { description: commitDescription }),
    isPullRequest: createPr,
    operations: files
      .filter((path) => !kept.includes(path))
      .map((path) => ({
        operation: "addOrUpdate",
        path,
        content: pathToFileURL(join(folder, ...path.split("/"))),
      })),
    ...(settings.signal ? { abortSignal: settings.signal } : {}),
  });
  for (;;) {
    const step = await commit.next();
    if (step.done) {
      const { commit, pullRequestUrl = null } = step.value!;
      const { oid, url = `${repoPage(hubUrl, repo)}/commit/${oid}` } = commit;
      return { commit: oid, url, pullRequest: pullRequestUrl, kept };
    }
    const { value } = step;
    if (value.event === "fileProgress" && value.state !== "error") {
      options.onProgress?.({ file: value.path, state: value.state, done: value.progress });
    }
  }
}

/**
 * `fetch` for the library: token, repetition and errors are ours.
 *
 * @param fine statuses that count as success: the thing to be made is there
 */
function uploadFetch(asked: Asked, settings: HubSettings, fine: readonly number[]): typeof fetch {
  return async (input, init) => {
    const url = String(input instanceof Request ? input.url : input);
    const response = await hubFetch(settings, url, init);
    if (response.ok) return response;
    if (fine.includes(response.status)) return Response.json(await response.json().catch(() => ({})));
    throw await uploadError(asked, settings, response);
  };
}

/** Whether a repository has a file. */
async function isThere(repo: Repo, path: string, settings: HubSettings): Promise<boolean> {
  const url = fileUrl(settings.endpoint, repo, repo.revision, path);
  const response = await hubFetch(settings, url, { method: "HEAD", stopOutside: true });
  if (response.status < 400) return true;
  if (response.status === 404) return false;
  throw await uploadError({ where: WHERE, repo }, settings, response);
}

async function uploadError(asked: Asked, settings: HubSettings, response: Response): Promise<HubError> {
  const { status } = response;
  const code = response.headers.get("x-error-code");
  const said = await response
    .text()
    .then((text) => (JSON.parse(text) as { error?: unknown }).error)
    .catch(() => null);
  if (status === 401 || status === 403) {
    return new HubError(
      WHERE,
      "refused",
      `the token in use may not write to ${asked.repo.id} (status ${status})`,
      `Check the name, and make a token with permission to write at ${settings.endpoint}/settings/tokens.`,
    );
  }
  if (status >= 400 && status < 500 && typeof said === "string" && code === null) {
    const text = said.replace(/\s+/g, " ").slice(0, 500);
    return new HubError(
      WHERE,
      "refused",
      `${settings.endpoint} refused it with status ${status}: ${text}`,
      "See the message.",
    );
  }
  return answerError(asked, settings, { status, code });
}

/** Paths of a folder's files, with "/" between names; links to files count as files. */
async function filesBelow(folder: string): Promise<string[]> {
  const files: string[] = [];
  const visit = async (below: string): Promise<void> => {
    const names = await readdir(join(folder, below)).catch((cause: Error) => {
      throw new EngineError(WHERE, `${join(folder, below)}: ${cause.message}`, "Pass the folder that was saved.", {
        cause,
      });
    });
    for (const name of names.sort()) {
      if (name.startsWith(".") && name !== ".gitattributes") continue;
      const path = below === "" ? name : `${below}/${name}`;
      const status = await stat(join(folder, path));
      if (status.isDirectory()) await visit(path);
      else if (status.isFile()) files.push(path);
    }
  };
  await visit("");
  if (files.length === 0) throw new EngineError(WHERE, `${folder} has no files`, "Pass the folder that was saved.");
  return files;
}
