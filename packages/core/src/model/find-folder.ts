import type { ModelConfig } from "./config.ts";
import type { LoadOptions } from "./load-model.ts";

export interface FromPretrainedOptions<C extends ModelConfig = ModelConfig> extends LoadOptions<C> {
  /** A branch, a tag or a commit. @default "main" */
  revision?: string;
  token?: string;
}

/** The folder of a model: a local one, or its snapshot in the cache. */
export async function findFolder(idOrFolder: string, _options: FromPretrainedOptions): Promise<string> {
  return idOrFolder;
}
