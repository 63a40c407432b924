/** Folders that appear at once or not at all. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { EngineError, flushFolder, writeFileWhole } from "@ettin/core";

/** Where a folder is filled until it is complete. */
export const partialFolder = (folder: string): string => join(dirname(folder), `.${basename(folder)}.partial`);

/**
 * Makes a folder that is not there yet: it is filled beside its place and moved there. What an earlier run left
 * beside is removed first.
 *
 * @returns what `fill` returns; undefined where the folder is there already
 */
export async function makeWhole<T>(folder: string, fill: (partial: string) => Promise<T>): Promise<T | undefined> {
  if (existsSync(folder)) return undefined;
  const partial = partialFolder(folder);
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const result = await fill(partial);
  await moveWhole(partial, folder);
  return result;
}

/** Moves a folder that is complete and flushed to its place. */
export async function moveWhole(partial: string, folder: string): Promise<void> {
  await rename(partial, folder);
  await flushFolder(dirname(folder));
}

/** Removes what unfinished runs left in a folder. */
export async function removePartial(folder: string): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter((each) => each.startsWith(".") && each.endsWith(".partial"))) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

export const writeJson = (path: string, value: unknown): Promise<void> =>
  writeFileWhole(path, Buffer.from(`${JSON.stringify(value, null, 2)}\n`));

/** A JSON file; null where there is none. */
export async function readJsonFile<T>(path: string): Promise<T | null> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    const what = `${path} is not JSON: ${(cause as Error).message}`;
    throw new EngineError("prepare", what, "Remove the folder and prepare it again.", { cause });
  }
}

/** Whether a folder has a file beside its settings: something that was finished. */
async function hasFinished(folder: string, name: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries) {
    if (entry.name === name || entry.name.startsWith(".")) continue;
    if (!entry.isDirectory() || (await hasFinished(join(folder, entry.name), ""))) return true;
  }
  return false;
}

/**
 * Writes what a folder is made with, or compares it with what an earlier run of the same folder was made with, where that
 * run has finished anything.
 *
 * @throws EngineError naming the first thing that differs: finished parts would not fit the rest
 */
export async function keepSettings(
  where: string,
  folder: string,
  name: string,
  settings: Readonly<Record<string, unknown>>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  const before = await readJsonFile<Record<string, unknown>>(path);
  if (before === null) {
    if (existsSync(join(folder, "index.json"))) {
      throw new EngineError(where, `${folder} has an index but no ${name}`, "Write to a folder of its own.");
    }
    return writeJson(path, settings);
  }
  const other = firstDifference(before, settings);
  if (other === null) return;
  if (!(await hasFinished(folder, name))) return writeJson(path, settings);
  throw new EngineError(
    where,
    `${folder} was begun with ${other.key} ${excerpt(other.was)}, but it is ${excerpt(other.now)} now`,
    `Go on with the same settings, write to another folder, or remove ${folder} to begin anew.`,
  );
}

type Settings = Readonly<Record<string, unknown>>;
const isSettings = (value: unknown): value is Settings => typeof value === "object" && value !== null;

function firstDifference(before: Settings, now: Settings): { key: string; was: string; now: string } | null {
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [a, b] = [before[key], now[key]];
    const [was, is] = [a, b].map((value) => JSON.stringify(value) ?? "not set");
    if (was === is) continue;
    if (key === "documents" && isSettings(a) && isSettings(b)) return firstDifference(a, b);
    return { key, was: was!, now: is! };
  }
  return null;
}

const excerpt = (text: string): string => (text.length > 120 ? `${text.slice(0, 119)}…` : text);
