import type { HubOptions } from "../hub/hub-options.ts";
import { type NeededFiles, WEIGHTS } from "../hub/lacking-file.ts";
import { resolveFolder } from "../hub/resolve-folder.ts";
import type { ModelConfig } from "./config.ts";
import type { LoadOptions } from "./load-model.ts";

export type FromPretrainedOptions<C extends ModelConfig = ModelConfig> = LoadOptions<C> & Omit<HubOptions, "repoType">;

/** Without these there is no model. */
const MODEL = ["config.json", WEIGHTS] as const;

/** Nor, without these, one of texts. */
export const BARE_MODEL: NonNullable<NeededFiles["needed"]> = [...MODEL, "tokenizer.json"];

/**
 * The folder of a model: a local one, or its snapshot in the cache.
 *
 * @param files shell patterns of those to have
 * @param needed those that must be there
 */
export const findFolder = (
  idOrFolder: string,
  options: Omit<HubOptions, "repoType">,
  files: readonly string[] = ["*.json", "*.safetensors"],
  needed: NeededFiles = { needed: MODEL },
): Promise<string> => {
  const { revision, token, cacheDir, endpoint, localFilesOnly, signal, onProgress } = options;
  const given = { revision, token, cacheDir, endpoint, localFilesOnly, signal, onProgress };
  const hub = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return resolveFolder(idOrFolder, { ...hub, files, ...needed });
};
