import { access, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { flushFolder, flushTree } from "../hub/flush-folder.ts";

const COMPLETE = /^checkpoint-(\d+)$/;
/** What a save or a removal left when it was cut off. */
const LEFTOVER = /^\.checkpoint-\d+(\.\w+)?\.partial$/;
/** Written last by every trainer; a folder without it is somebody else's. */
export const STATE_FILE = "trainer_state.json";

export interface CheckpointFolder {
  readonly step: number;
  readonly folder: string;
}

/** The complete checkpoints of a folder, by step. */
export async function listCheckpoints(outputDir: string): Promise<CheckpointFolder[]> {
  const found: CheckpointFolder[] = [];
  for (const name of await entriesOf(outputDir)) {
    const step = COMPLETE.exec(name)?.[1];
    const folder = join(outputDir, name);
    if (step !== undefined && (await exists(join(folder, STATE_FILE)))) found.push({ step: Number(step), folder });
  }
  return found.sort((a, b) => a.step - b.step);
}

/** The folder of the highest complete checkpoint, or null. */
export async function lastCheckpoint(outputDir: string): Promise<string | null> {
  return (await listCheckpoints(outputDir)).at(-1)?.folder ?? null;
}

/**
 * Makes `checkpoint-<step>` of what `write` puts into a folder: it appears at once, complete and flushed, or not at all.
 * What an earlier save left is removed first; a checkpoint of the same step is replaced.
 *
 * @returns the checkpoint's folder
 */
export async function writeCheckpointFolder(
  outputDir: string,
  step: number,
  write: (folder: string) => Promise<void>,
): Promise<string> {
  await mkdir(outputDir, { recursive: true });
  await removeLeftovers(outputDir);
  const partial = join(outputDir, `.checkpoint-${step}.partial`);
  const folder = join(outputDir, `checkpoint-${step}`);
  try {
    await mkdir(partial);
    await write(partial);
    await flushTree(partial);
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
  if (await exists(folder)) await removeCheckpoint(outputDir, step);
  await rename(partial, folder);
  await flushFolder(outputDir);
  return folder;
}

/** Removes a checkpoint: it is gone at once, and its files after that. */
export async function removeCheckpoint(outputDir: string, step: number): Promise<void> {
  const going = join(outputDir, `.checkpoint-${step}.removed.partial`);
  await rm(going, { recursive: true, force: true });
  await rename(join(outputDir, `checkpoint-${step}`), going);
  await rm(going, { recursive: true, force: true });
}

export async function removeLeftovers(outputDir: string): Promise<void> {
  for (const name of await entriesOf(outputDir)) {
    if (LEFTOVER.test(name)) await rm(join(outputDir, name), { recursive: true, force: true });
  }
}

/**
 * Removes the oldest checkpoints beyond `limit`. The newest and the best stay.
 *
 * @param best the folder of the best one
 */
export async function rotateCheckpoints(outputDir: string, limit: number | null, best: string | null): Promise<void> {
  if (limit === null) return;
  const all = await listCheckpoints(outputDir);
  const spared = new Set([all.at(-1)?.folder, all.find(({ folder }) => folder === best)?.folder]);
  spared.delete(undefined);
  let surplus = all.length - Math.max(limit, spared.size);
  for (const { step, folder } of all) {
    if (surplus <= 0) break;
    if (spared.has(folder)) continue;
    await removeCheckpoint(outputDir, step);
    surplus--;
  }
}

const entriesOf = async (folder: string): Promise<string[]> => {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
};

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
