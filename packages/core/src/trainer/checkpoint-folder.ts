import { access, mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { flushFolder, flushTree } from "../hub/flush-folder.ts";

const COMPLETE = /^checkpoint-(\d+)$/;
/** A checkpoint that makes room for a new one of its step: whole, until that one is there. */
const REPLACED = /^\.checkpoint-(\d+)\.replaced\.partial$/;
/** What a save or a removal left when it was cut off. */
const LEFTOVER = /^\.checkpoint-\d+(\.\w+)?\.partial$/;
/** Written last by every trainer; a folder without it is somebody else's. */
export const STATE_FILE = "trainer_state.json";

/** A complete checkpoint. */
export interface CheckpointFolder {
  readonly step: number;
  readonly folder: string;
}

/** The complete checkpoints of a folder, by step. One that was cut off while it was replaced goes back first. */
export async function listCheckpoints(outputDir: string): Promise<CheckpointFolder[]> {
  await restoreReplaced(outputDir);
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
 * What an earlier save left is removed first. A checkpoint of the same step is replaced: at every moment the old one or
 * the new one is there, or comes back with `listCheckpoints`.
 *
 * @returns the checkpoint's folder
 */
export async function writeCheckpointFolder(
  outputDir: string,
  step: number,
  write: (folder: string) => Promise<void>,
): Promise<string> {
  await mkdir(outputDir, { recursive: true });
  await restoreReplaced(outputDir);
  await removeLeftovers(outputDir);
  const partial = join(outputDir, `.checkpoint-${step}.partial`);
  const folder = join(outputDir, `checkpoint-${step}`);
  const replaced = join(outputDir, `.checkpoint-${step}.replaced.partial`);
  try {
    await mkdir(partial);
    await write(partial);
    await flushTree(partial);
    if (await exists(folder)) await rename(folder, replaced);
    await renameOver(partial, folder, replaced);
  } catch (error) {
    await restoreReplaced(outputDir).catch(() => {});
    await rm(partial, { recursive: true, force: true }).catch(() => {});
    throw error;
  }
  await flushFolder(outputDir);
  await rm(replaced, { recursive: true, force: true });
  return folder;
}

/** Another process that lists checkpoints just now may put the old one back: then it goes away again. */
async function renameOver(partial: string, folder: string, replaced: string): Promise<void> {
  for (let tries = 3; ; tries--) {
    try {
      await rename(partial, folder);
      return;
    } catch (error) {
      if (tries === 0 || !(await exists(folder))) throw error;
      await rename(folder, replaced);
    }
  }
}

/** Takes back each checkpoint that was to be replaced where the new one never came. */
async function restoreReplaced(outputDir: string): Promise<void> {
  for (const name of await entriesOf(outputDir)) {
    const step = REPLACED.exec(name)?.[1];
    if (step === undefined) continue;
    const folder = join(outputDir, `checkpoint-${step}`);
    if (!(await exists(folder))) await rename(join(outputDir, name), folder).catch(() => {}); // the new one came
  }
}

/** Removes a checkpoint: it is gone at once, and its files after that. */
export async function removeCheckpoint(outputDir: string, step: number): Promise<void> {
  const going = join(outputDir, `.checkpoint-${step}.removed.partial`);
  await rm(join(outputDir, `.checkpoint-${step}.replaced.partial`), { recursive: true, force: true });
  await rm(going, { recursive: true, force: true });
  await rename(join(outputDir, `checkpoint-${step}`), going);
  await rm(going, { recursive: true, force: true });
}

/**
 * Sets checkpoints beyond a step aside, as `checkpoint-<step>.left`: a run that goes on from that step makes its own.
 *
 * @returns the folders' new names
 */
export async function setAsideBeyond(outputDir: string, step: number): Promise<string[]> {
  const names: string[] = [];
  for (const later of await listCheckpoints(outputDir)) {
    if (later.step <= step) continue;
    let aside = `${later.folder}.left`;
    for (let i = 2; await exists(aside); i++) aside = `${later.folder}.left-${i}`;
    await rename(later.folder, aside);
    names.push(basename(aside));
  }
  return names;
}

export async function removeLeftovers(outputDir: string): Promise<void> {
  for (const name of await entriesOf(outputDir)) {
    if (LEFTOVER.test(name)) await rm(join(outputDir, name), { recursive: true, force: true });
  }
}

/**
 * Removes the oldest checkpoints beyond `limit`. The one just written and the best stay.
 *
 * @param written the folder of the one just written
 * @param best the folder of the best one
 */
export async function rotateCheckpoints(
  outputDir: string,
  limit: number | null,
  { written, best }: { written: string; best: string | null },
): Promise<void> {
  if (limit === null) return;
  const all = await listCheckpoints(outputDir);
  const spared = new Set([written, best].map((name) => all.find(({ folder }) => folder === name)?.folder));
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
