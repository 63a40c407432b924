import type { HubOptions } from "../hub/hub-options.ts";
import { resolveFolder } from "../hub/resolve-folder.ts";
import type { ModelConfig } from "./config.ts";
import type { LoadOptions } from "./load-model.ts";

export type FromPretrainedOptions<C extends ModelConfig = ModelConfig> = LoadOptions<C> & Omit<HubOptions, "repoType">;

/**
 * The folder of a model: a local one, or its snapshot in the cache.
 *
 * @param files shell patterns of those that are needed
 */
export const findFolder = (
  idOrFolder: string,
  options: Omit<HubOptions, "repoType">,
  files: readonly string[] = ["*.json", "*.safetensors"],
): Promise<string> => {
  const { revision, token, cacheDir, endpoint, localFilesOnly, signal, onProgress } = options;
  const given = { revision, token, cacheDir, endpoint, localFilesOnly, signal, onProgress };
  const hub = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return resolveFolder(idOrFolder, { ...hub, files });
};
