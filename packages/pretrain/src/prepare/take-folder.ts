import { copyFile, link, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { flushTree, type MdsReader, MdsWriter, openMds, readMdsIndex } from "@ettin/core";
import { SHARD_HASHES } from "./shard-hashes.ts";
import { writeJson } from "./whole-folder.ts";

/** Columns of training shards. */
const COLUMNS = { id: "str", input_ids: "ndarray:uint32" };

/**
 * Puts a folder's shards into another folder, open where they were compressed. Files that lie open are linked, where the
 * disk can, and copied else.
 */
export async function takeFolder(from: string, to: string, tokens: number): Promise<void> {
  const shards = await readMdsIndex(from);
  const sameColumns = shards.every(({ columnNames, columnEncodings }) =>
    columnNames.every((name, i) => COLUMNS[name as keyof typeof COLUMNS] === columnEncodings[i]),
  );
  const flat = shards.every(({ rawData }) => rawData.basename === basename(rawData.basename));
  if (!sameColumns || !flat || shards.some(({ compression }) => compression !== null)) {
    await takeRows(from, to, tokens, null);
    return;
  }
  (await openMds(from)).close(); // every shard is there in its full size
  await mkdir(to, { recursive: true });
  for (const { rawData } of shards) {
    const [source, target] = [join(from, rawData.basename), join(to, rawData.basename)];
    await link(source, target).catch(() => copyFile(source, target));
  }
  await writeJson(join(to, "stats.json"), { tokens });
  await copyFile(join(from, "index.json"), join(to, "index.json"));
  await flushTree(to);
}

/** Writes rows of a folder to another one. @param rows which, in order; null for all */
export async function takeRows(
  from: string,
  to: string,
  tokens: number,
  rows: ArrayLike<number> | null,
): Promise<void> {
  const reader = await openMds(from, { columns: ["id", "input_ids"] });
  try {
    const writer = new MdsWriter(to, { columns: COLUMNS, hashes: SHARD_HASHES });
    await writeRows(reader, writer, rows);
    await writeJson(join(to, "stats.json"), { tokens });
    await writer.finish();
  } finally {
    reader.close();
  }
}

export async function writeRows(reader: MdsReader, writer: MdsWriter, rows: ArrayLike<number> | null): Promise<void> {
  const count = rows?.length ?? reader.length;
  for (let i = 0; i < count; i++) await writer.write(reader.row(rows?.[i] ?? i));
}
