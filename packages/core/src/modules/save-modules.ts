import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SaveOptions } from "../model/save-model.ts";
import { modulePath } from "./load-modules.ts";
import { type ModelSettings, modelSettingsText, SETTINGS_FILE } from "./model-settings.ts";
import type { Module } from "./module.ts";
import { MODULES_FILE, moduleListText } from "./module-list.ts";

/**
 * Writes modules, their list and the model's settings to a folder, in the layout that the widest range of versions
 * reads: class names and settings of Sentence Transformers 5, which version 6 reads as well. The list comes last.
 */
export async function saveModules(
  folder: string,
  modules: readonly Module[],
  settings: ModelSettings,
  options: SaveOptions = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const paths = modules.map(modulePath);
  for (const [i, module] of modules.entries()) {
    const below = join(folder, paths[i]!);
    await mkdir(below, { recursive: true });
    await module.save(below, options);
  }
  await writeFile(join(folder, SETTINGS_FILE), modelSettingsText(settings));
  const list = modules.map(({ className }, i) => ({ className, path: paths[i]! }));
  await writeFile(join(folder, MODULES_FILE), moduleListText(list));
}
