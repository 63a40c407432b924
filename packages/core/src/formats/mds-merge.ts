import { readdir } from "node:fs/promises";
import { join, posix } from "node:path";
import { EngineError } from "../errors.ts";
import { writeFileWhole } from "./flushed-file.ts";
import { MDS_INDEX, type MdsFile, type MdsShard, mdsIndexText, readMdsIndex } from "./mds-index.ts";

/**
 * Writes the index of a folder whose subfolders are MDS datasets: their shards, in the order of the subfolders' names.
 * A subfolder without an index of its own is merged from its subfolders first. Folders whose names begin with a dot are
 * left out.
 *
 * @param children the subfolders to merge, in this order; @default all that there are, sorted by name
 * @returns what the index says of the shards
 * @throws EngineError naming the subfolder that was not written to the end, has other columns or has no index
 */
export async function mergeIndexes(folder: string, children?: readonly string[]): Promise<readonly MdsShard[]> {
  const names = children ?? (await subfolders(folder));
  const shards: MdsShard[] = [];
  for (const name of names) {
    const child = join(folder, name);
    for (const shard of await shardsOf(child)) shards.push(moved(shard, name));
    const columns = (each: MdsShard | undefined) => each?.columnNames.join(", ");
    if (columns(shards.at(-1)) === columns(shards[0])) continue;
    throw new EngineError(
      "mergeIndexes",
      `${child} has columns ${columns(shards.at(-1))}, but ${join(folder, names[0]!)} has ${columns(shards[0])}`,
      "Merge datasets of one kind.",
    );
  }
  if (shards.length === 0) {
    throw new EngineError("mergeIndexes", `${folder} has no MDS datasets in it`, "Pass a folder of such folders.");
  }
  await writeFileWhole(join(folder, MDS_INDEX), Buffer.from(mdsIndexText(shards)));
  return shards;
}

async function shardsOf(folder: string): Promise<readonly MdsShard[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  if (entries.some(({ name }) => name === MDS_INDEX)) return readMdsIndex(folder);
  if (entries.some(({ name }) => /^shard\.\d+\.mds/.test(name))) {
    throw new EngineError(
      "mergeIndexes",
      `${folder} has shards but no ${MDS_INDEX}: it was not written to the end`,
      "Write it again, or remove it.",
    );
  }
  const inner = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
  return inner.length === 0 ? [] : mergeIndexes(folder);
}

async function subfolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}

function moved(shard: MdsShard, child: string): MdsShard {
  const file = (each: MdsFile): MdsFile => ({ ...each, basename: posix.join(child, each.basename) });
  return { ...shard, rawData: file(shard.rawData), zipData: shard.zipData && file(shard.zipData) };
}
