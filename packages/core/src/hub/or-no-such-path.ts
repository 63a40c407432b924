import { HubError } from "./hub-error.ts";

/** Whether nothing is known of the repository: of one that the cache has a part of, a file may be what is missing. */
const isOfWhole = ({ code, what }: HubError, name: string): boolean =>
  code === "no-repo" || ((code === "unreachable" || code === "offline") && what.startsWith(`${name} `));

/**
 * What is downloaded under a name that is no path here. Where the hub does not have it or cannot be asked, the error says
 * that there is no such path either: a misspelt one looks like a name.
 *
 * @param kind "folder", or "file or folder"
 */
export async function orNoSuchPath<T>(kind: string, name: string, download: Promise<T>): Promise<T> {
  try {
    return await download;
  } catch (error) {
    if (!(error instanceof HubError) || !isOfWhole(error, name)) throw error;
    const what = `there is no ${kind} ${name} here, and ${error.what}`;
    throw new HubError(error.where, error.code, what, error.wayOut, { cause: error });
  }
}
