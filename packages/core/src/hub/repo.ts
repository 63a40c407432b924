import { EngineError } from "../errors.ts";
import type { HubOptions, RepoType } from "./hub-options.ts";
import { staysInside } from "./open-weights.ts";

/** A repository at a revision, its names checked: they become parts of paths and addresses. */
export interface Repo {
  readonly id: string;
  readonly type: RepoType;
  readonly revision: string;
}

const PART = /^[\w][\w.-]*$/;
const COMMIT = /^[0-9a-f]{40}$/;

/** Whether a text can be the name of a repository: "owner/name", or "name" alone. */
export function isRepoId(text: string): boolean {
  const parts = text.split("/");
  return (
    text.length <= 192 &&
    parts.length <= 2 &&
    parts.every((part) => PART.test(part) && !part.endsWith(".") && !/--|\.\./.test(part) && !part.endsWith(".git"))
  );
}

export const isCommit = (revision: string): boolean => COMMIT.test(revision);

export function parseRepo(where: string, id: string, options: HubOptions): Repo {
  const { repoType: type = "model", revision = "main" } = options;
  if (typeof id !== "string" || !isRepoId(id)) {
    throw new EngineError(where, `${JSON.stringify(id)} is no repository name`, 'Write it as "owner/name".');
  }
  if (type !== "model" && type !== "dataset" && type !== "space") {
    throw new EngineError(where, `repoType is ${JSON.stringify(type)}`, 'Use "model", "dataset" or "space".');
  }
  if (!isSafePath(revision) || revision.endsWith(".lock")) {
    throw new EngineError(where, `revision is ${JSON.stringify(revision)}`, "Use a branch, a tag or a commit.");
  }
  return { id, type, revision };
}

/** Whether a path from the hub names a file inside its folder, written in the one way that has no detours. */
export const isSafePath = (path: string): boolean =>
  staysInside(path) && !path.includes("\\") && path.split("/").every((part) => part !== "" && part !== ".");

/** "models--owner--name" */
export const repoFolderName = (repo: Repo): string => [`${repo.type}s`, ...repo.id.split("/")].join("--");

/** Where a file's bytes are, or what leads there. */
export function fileUrl(endpoint: string, repo: Repo, revision: string, path: string): string {
  const kind = repo.type === "model" ? "" : `${repo.type}s/`;
  const file = path.split("/").map(encodeURIComponent).join("/");
  return `${endpoint}/${kind}${repo.id}/resolve/${encodeURIComponent(revision)}/${file}`;
}

/** The page for people. */
export const repoPage = (endpoint: string, { type, id }: Pick<Repo, "type" | "id">): string =>
  `${endpoint}/${type === "model" ? "" : `${type}s/`}${id}`;
