import type { HubErrorCode } from "./hub-error.ts";
import { HubError } from "./hub-error.ts";
import { NoAnswer } from "./hub-fetch.ts";
import type { HubSettings } from "./hub-settings.ts";
import { type Repo, repoPage } from "./repo.ts";

/** What was asked for, for messages. */
export interface Asked {
  readonly where: string;
  readonly repo: Repo;
  readonly file?: string;
}

/**
 * An answer that is no success, as an error: what the hub means by its status and its `X-Error-Code`, and the way out.
 * A 401 stands for a repository that does not exist as well as for one that is hidden.
 */
export function answerError(
  asked: Asked,
  settings: HubSettings,
  answer: { status: number; code: string | null },
): HubError {
  const { where, repo, file } = asked;
  const { status } = answer;
  const page = repoPage(settings.endpoint, repo);
  const error = (code: HubErrorCode, what: string, wayOut: string) => new HubError(where, code, what, wayOut);
  const tokenHint =
    settings.token === null
      ? "If it is private, set HF_TOKEN to a token that may read it."
      : "If it is private, the token in use has to belong to an account that may read it.";

  if (answer.code === "RevisionNotFound") {
    return error("no-revision", `${repo.id} has no revision "${repo.revision}"`, `See its branches and tags: ${page}`);
  }
  if (answer.code === "EntryNotFound") {
    return error(
      "no-file",
      `${repo.id} at "${repo.revision}" has no file ${file}`,
      `See its files: ${page}/tree/${encodeURIComponent(repo.revision)}`,
    );
  }
  if (answer.code === "GatedRepo") {
    return settings.token === null
      ? error(
          "gated",
          `${repo.id} is gated, and no token was sent (status ${status})`,
          `Ask for access at ${page}, make a token at ${settings.endpoint}/settings/tokens and set HF_TOKEN to it.`,
        )
      : error(
          "gated",
          `${repo.id} is gated, and the token in use has no access (status ${status})`,
          `Ask for access at ${page} with the account that the token belongs to.`,
        );
  }
  if (status === 401 || answer.code === "RepoNotFound" || (status === 404 && file === undefined)) {
    return error(
      "no-repo",
      `there is no ${repo.type} ${repo.id} at ${settings.endpoint} (status ${status})`,
      `Check the name. ${tokenHint}`,
    );
  }
  if (status === 404) {
    return error(
      "no-file",
      `${repo.id} at "${repo.revision}" has no file ${file}`,
      `See its files: ${page}/tree/${encodeURIComponent(repo.revision)}`,
    );
  }
  if (status === 429) {
    return error(
      "refused",
      `${settings.endpoint} asks for fewer requests (status 429)`,
      "Try again in some minutes; with a token the limits are higher.",
    );
  }
  if (status >= 500) {
    return error(
      "unreachable",
      `${settings.endpoint} has a fault: status ${status} for ${file ?? repo.id}`,
      "Try again later.",
    );
  }
  return error(
    "refused",
    `${settings.endpoint} answered status ${status} for ${file ?? repo.id}`,
    `Check that the token in use may do this. See ${page}`,
  );
}

/** The error of an answer, its body thrown away. */
export async function responseError(asked: Asked, settings: HubSettings, response: Response): Promise<HubError> {
  await response.body?.cancel();
  return answerError(asked, settings, { status: response.status, code: response.headers.get("x-error-code") });
}

/** A failure on the way to the hub as an error; others as they are. */
export function connectionError(asked: Asked, settings: HubSettings, error: unknown): unknown {
  if (!(error instanceof NoAnswer)) return error;
  return new HubError(
    asked.where,
    "unreachable",
    `${asked.file ?? asked.repo.id} could not be asked for at ${settings.endpoint}: ${error.message}`,
    "Check the connection, or set HF_HUB_OFFLINE=1 to use what the cache has.",
    { cause: error },
  );
}

export const offlineError = ({ where, repo, file }: Asked, settings: HubSettings): HubError =>
  new HubError(
    where,
    "offline",
    `${file === undefined ? repo.id : `${file} of ${repo.id}`} at "${repo.revision}" is not in ${settings.cacheDir}, and offline mode is on`,
    "Unset HF_HUB_OFFLINE (and localFilesOnly) to download it.",
  );
