import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Asked, connectionError, responseError } from "./answer-error.ts";
import { repoFolder, sizeAt, snapshotPath, type TreeEntry } from "./hub-cache.ts";
import { HubError } from "./hub-error.ts";
import { hubFetch } from "./hub-fetch.ts";
import type { HubOptions } from "./hub-options.ts";
import { type HubSettings, hubSettings } from "./hub-settings.ts";
import { lackingFile, WEIGHTS } from "./lacking-file.ts";
import { listRepo } from "./list-repo.ts";
import { openWeights, readTensors, WEIGHTS_INDEX } from "./open-weights.ts";
import { fileUrl, isCommit, parseRepo } from "./repo.ts";
import { resolveFolder } from "./resolve-folder.ts";
import { headerOf, readSafetensorsHeader } from "./safetensors-header.ts";
import type { StoredTensor } from "./stored-tensor.ts";

const WHERE = "weightHeaders";

/** A model's folder and what its weights' files say of themselves. */
export interface WeightHeaders {
  /** Has `config.json`; of a repository on the hub not the weights. */
  readonly folder: string;
  /** By name. */
  readonly tensors: ReadonlyMap<string, Pick<StoredTensor, "name" | "dtype" | "shape" | "bytes">>;
}

/**
 * The names, types and shapes of a model's weights, without the weights: of a folder, or of a repository on the hub, of
 * which the configuration and the first bytes of the weights' files are fetched, as far as the cache lacks them.
 *
 * @param idOrFolder a path, or "owner/name" where no such folder exists
 * @throws EngineError naming file and field, for weights that are missing, pickled or damaged
 */
export async function weightHeaders(
  idOrFolder: string,
  options: Omit<HubOptions, "repoType"> = {},
): Promise<WeightHeaders> {
  const local = (await stat(idOrFolder).catch(() => null))?.isDirectory() ?? false;
  const settings = hubSettings(options);
  const whole = { needed: ["config.json", WEIGHTS] };
  const fetched = ["config.json", WEIGHTS_INDEX];
  const folder = await resolveFolder(idOrFolder, {
    ...options,
    ...(settings.offline
      ? { ...whole, files: [...fetched, "*.safetensors"] }
      : { needed: fetched.slice(0, 1), files: fetched }),
  });
  if (local || settings.offline || (await lackingFile(folder, whole, null)) === null) {
    return { folder, tensors: await openWeights(folder) };
  }
  const commit = basename(folder);
  const repo = parseRepo(WHERE, idOrFolder, isCommit(commit) ? { revision: commit } : options);
  const asked: Asked = { where: WHERE, repo };
  const cache = repoFolder(settings, repo);
  const { files } = await listRepo(asked, settings, cache);
  const tensors = await readTensors(folder, {
    has: (file) => files.has(file),
    header: async (file) => {
      const cached = snapshotPath(cache, commit, file);
      if ((await sizeAt(cached)) !== null) return (await readSafetensorsHeader(cached, WHERE)).tensors;
      return remoteTensors({ ...asked, file }, settings, files.get(file)!);
    },
  });
  return { folder, tensors };
}

async function remoteTensors(
  asked: Asked & { readonly file: string },
  settings: HubSettings,
  entry: TreeEntry,
): Promise<ReadonlyMap<string, StoredTensor>> {
  const { repo, file } = asked;
  const url = fileUrl(settings.endpoint, repo, repo.revision, file);
  const read = async (position: number, length: number): Promise<Buffer | null> => {
    try {
      return await fetchRange(asked, settings, url, position, length);
    } catch (error) {
      throw connectionError(asked, settings, error);
    }
  };
  const size = entry.lfs_size ?? entry.size;
  return (await headerOf({ path: `${repo.id}/${file}`, size, read }, WHERE)).tensors;
}

/** Some bytes of a file on the hub; null where it ends before. A server that knows no ranges is left when they are here. */
async function fetchRange(
  asked: Asked,
  settings: HubSettings,
  url: string,
  position: number,
  length: number,
): Promise<Buffer | null> {
  const range = `bytes=${position}-${position + length - 1}`;
  const response = await hubFetch(settings, url, { headers: { range, "accept-encoding": "identity" } });
  if (response.status === 416) return null;
  if (!response.ok || response.body === null) throw await responseError(asked, settings, response);
  const partial = response.status === 206;
  if (partial && !(response.headers.get("content-range") ?? "").startsWith(`bytes ${position}-`)) {
    const what = `asked for ${range} of ${asked.file}, ${settings.endpoint} sent other bytes`;
    throw new HubError(asked.where, "corrupt", what, "Check HF_ENDPOINT, and what proxies do.");
  }
  const bytes = Buffer.alloc(length);
  let at = partial ? position : 0; // in the file, of the next byte that comes
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    const from = Math.max(position - at, 0);
    const to = Math.min(position + length - at, chunk.length);
    if (to > from) bytes.set(chunk.subarray(from, to), at + from - position);
    at += chunk.length;
    if (at >= position + length) return bytes; // which ends the connection
  }
  return null;
}
