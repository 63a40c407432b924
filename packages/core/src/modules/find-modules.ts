import { stat } from "node:fs/promises";
import { basename } from "node:path";
import type { HubOptions } from "../hub/hub-options.ts";
import { isCommit } from "../hub/repo.ts";
import { MODEL_FILES } from "../hub/resolve-folder.ts";
import { BARE_MODEL, findFolder } from "../model/find-folder.ts";
import { SETTINGS_FILE } from "./model-settings.ts";
import { MODULES_FILE, type ModuleEntry, readModuleList } from "./module-list.ts";

/** What the modules that are chosen cannot do without. */
const MODULE_FILES = ["config.json", "tokenizer.json", "*/*.json", "*.safetensors"];

export interface FoundModules {
  readonly folder: string;
  /** The repository's name; null for a local folder. */
  readonly id: string | null;
  /** Null where the folder has no list of modules: a bare model. */
  readonly entries: ModuleEntry[] | null;
}

/**
 * The folder of a model of modules, with the files of each: a local one as it is, else downloaded as far as the cache
 * lacks it.
 */
export async function findModules(idOrFolder: string, options: Omit<HubOptions, "repoType">): Promise<FoundModules> {
  if ((await stat(idOrFolder).catch(() => null))?.isDirectory()) {
    const folder = await findFolder(idOrFolder, options);
    return { folder, id: null, entries: await readModuleList(folder) };
  }
  const settings = [MODULES_FILE, SETTINGS_FILE];
  const list = await findFolder(idOrFolder, options, settings, { neededIfListed: settings });
  const entries = await readModuleList(list);
  const files = (entries ?? [{ path: "" }]).flatMap(({ path }) =>
    path === "" ? MODEL_FILES : [`${literal(path)}/*.json`, `${literal(path)}/*.safetensors`],
  );
  // Both times the same commit, whatever happens to the branch in between.
  const commit = basename(list);
  const pinned = isCommit(commit) ? { ...options, revision: commit } : options;
  const all = [...new Set([...settings, "README.md", ...files])];
  const needed = entries ? { neededIfListed: MODULE_FILES } : { needed: BARE_MODEL };
  const folder = await findFolder(idOrFolder, pinned, all, needed);
  return { folder, id: idOrFolder, entries };
}

/** A path as a shell pattern that matches itself alone. */
const literal = (path: string): string => path.replace(/[*?[]/g, "[$&]");
