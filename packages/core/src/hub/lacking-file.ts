import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { globMatcher } from "./glob.ts";
import { sizeAt } from "./hub-cache.ts";
import { staysInside, WEIGHTS_FILE, WEIGHTS_INDEX } from "./open-weights.ts";

/** What a folder must hold to be of use. */
export interface NeededFiles {
  /** Paths; of a list of them one will do. An index of shards needs its shards too. */
  readonly needed?: readonly (string | readonly string[])[];
  /** Shell patterns (`*` also matches "/") of what is needed where the repository has it, if the cache has its listing. */
  readonly neededIfListed?: readonly string[];
}

/** Either form of a model's weights. */
export const WEIGHTS: readonly string[] = [WEIGHTS_FILE, WEIGHTS_INDEX];

/**
 * The first file that is needed and not in a snapshot of the cache; null where none lacks. What the commit does not have
 * cannot lack: that is for whoever reads the folder to say.
 *
 * @param listed what is chosen of the commit's files; null where the cache has no listing
 */
export async function lackingFile(
  snapshot: string,
  { needed = [], neededIfListed = [] }: NeededFiles,
  listed: readonly string[] | null,
): Promise<string | null> {
  const there = async (path: string) => (await sizeAt(join(snapshot, path))) !== null;
  for (const one of needed) {
    const paths = (typeof one === "string" ? [one] : one).filter((path) => !listed || listed.includes(path));
    const found: string[] = [];
    for (const path of paths) if (await there(path)) found.push(path);
    if (paths.length > 0 && found.length === 0) return paths[0]!;
    if (found[0] !== WEIGHTS_INDEX) continue;
    for (const shard of await shardsOf(join(snapshot, WEIGHTS_INDEX))) if (!(await there(shard))) return shard;
  }
  const wanted = globMatcher(neededIfListed);
  for (const path of (listed ?? []).filter(wanted)) if (!(await there(path))) return path;
  return null;
}

/** The files that an index names; none where it is damaged, which whoever reads it says. */
async function shardsOf(index: string): Promise<readonly string[]> {
  try {
    const { weight_map: map } = JSON.parse(await readFile(index, "utf8")) as { weight_map: object };
    return [...new Set(Object.values(map))].filter((file) => typeof file === "string" && staysInside(file));
  } catch {
    return [];
  }
}
