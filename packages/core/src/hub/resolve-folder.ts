import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { EngineError } from "../errors.ts";
import { globMatcher } from "./glob.ts";
import type { HubOptions } from "./hub-options.ts";
import type { NeededFiles } from "./lacking-file.ts";
import { pickledError, WEIGHTS_FILE, WEIGHTS_INDEX } from "./open-weights.ts";
import { orNoSuchPath } from "./or-no-such-path.ts";
import { isRepoId } from "./repo.ts";
import { downloadSnapshot } from "./snapshot-download.ts";

export interface ResolveFolderOptions extends HubOptions, NeededFiles {
  /**
   * Shell patterns of the files that are needed; `*` does not match "/".
   *
   * @default configuration, tokenizer and safetensors weights of the folder itself
   */
  files?: readonly string[];
}

/** What a model's folder needs here: everything but weights in other formats. */
export const MODEL_FILES: readonly string[] = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"];

/**
 * The folder of a model: a local one as it is, without touching the network or the library; else a repository of the
 * hub, downloaded into the cache as far as it is missing.
 *
 * @param idOrFolder a path, or "owner/name" where no such folder exists
 * @throws HubError offline, or where the hub cannot be reached, and the cache lacks the commit or what is `needed`
 */
export async function resolveFolder(idOrFolder: string, options: ResolveFolderOptions = {}): Promise<string> {
  const status = await stat(idOrFolder).catch(() => null);
  if (status?.isDirectory()) return resolve(idOrFolder);
  if (status || !isRepoId(idOrFolder)) {
    throw new EngineError(
      "resolveFolder",
      `${JSON.stringify(idOrFolder)} is ${status ? "a file" : "no folder"}, and no repository name either`,
      'Pass the path of a folder, or "owner/name" of a repository on the hub.',
    );
  }
  const { files = MODEL_FILES } = options;
  const wanted = globMatcher(files, { withinFolder: true });
  const select = (paths: readonly string[]) => {
    const chosen = paths.filter(wanted);
    const pickled = paths.find((path) => path === "pytorch_model.bin" || path === "pytorch_model.bin.index.json");
    if (pickled && wanted(WEIGHTS_FILE) && !chosen.some((path) => path.endsWith(".safetensors"))) {
      throw pickledError("resolveFolder", idOrFolder, pickled);
    }
    // As it is read: one file goes before shards.
    const shards = chosen.includes(WEIGHTS_FILE) && chosen.includes(WEIGHTS_INDEX);
    return shards
      ? chosen.filter((path) => path !== WEIGHTS_INDEX && !/^model-\d+-of-\d+\.safetensors$/.test(path))
      : chosen;
  };
  return orNoSuchPath("folder", idOrFolder, downloadSnapshot("resolveFolder", idOrFolder, options, select, options));
}
