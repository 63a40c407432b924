import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "@ettin/core";

/**
 * The folders under a root that hold shards of their own, as paths from it with "/": those with an index and no such
 * folder inside. A root that is one itself is "".
 *
 * @throws EngineError where there is none, naming a folder that was not written to the end
 */
export async function datasetFolders(where: string, root: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (path: string): Promise<boolean> => {
    const entries = await readdir(join(root, path), { withFileTypes: true });
    const inner = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
    let below = false;
    for (const { name } of inner.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (await visit(path === "" ? name : `${path}/${name}`)) below = true;
    }
    const indexed = entries.some(({ name }) => name === "index.json");
    if (!below && indexed) found.push(path);
    if (!indexed && entries.some(({ name }) => /^shard\.\d+\.mds/.test(name))) {
      throw new EngineError(
        where,
        `${join(root, path)} has shards but no index.json: it was not written to the end`,
        "Write it again, or remove it.",
      );
    }
    return below || indexed;
  };
  try {
    await visit("");
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError(where, `${root}: ${(error as Error).message}`, "Pass a folder of MDS shards.", {
      cause: error,
    });
  }
  if (found.length > 0) return found;
  throw new EngineError(where, `${root} has no MDS datasets in it`, "Pass the folder that ettin data tokenize wrote.");
}

/** What tells a dataset from another under the same path; null where there is no index over all of it. */
export async function indexDigest(folder: string): Promise<string | null> {
  const text = await readFile(join(folder, "index.json")).catch(() => null);
  return text && createHash("sha256").update(text).digest("hex");
}
