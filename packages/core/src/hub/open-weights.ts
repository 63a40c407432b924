import { access, readFile, stat } from "node:fs/promises";
import { join, posix, win32 } from "node:path";
import { EngineError } from "../errors.ts";
import { duplicateKey } from "./duplicate-key.ts";
import { readSafetensorsHeader } from "./safetensors-header.ts";
import { quoted, type StoredTensor } from "./stored-tensor.ts";

export const WEIGHTS_FILE = "model.safetensors";
export const WEIGHTS_INDEX = "model.safetensors.index.json";

const PICKLED = ["pytorch_model.bin", "pytorch_model.bin.index.json"] as const;
const LONGEST_INDEX = 100_000_000;

/**
 * Finds the tensors of a model's folder: those of `model.safetensors`, else of the shards that
 * `model.safetensors.index.json` names. Only headers are read.
 *
 * @throws EngineError naming file and field when there are no such files, when only pickled weights are there, or when
 *   the files contradict each other
 */
export function openWeights(folder: string): Promise<ReadonlyMap<string, StoredTensor>> {
  return readTensors(folder, {
    has: (file) => exists(join(folder, file)),
    header: async (file) => (await readSafetensorsHeader(join(folder, file), "openWeights")).tensors,
  });
}

/** The files of weights beside an index, wherever they are. */
export interface WeightFiles {
  has(file: string): boolean | Promise<boolean>;
  header(file: string): Promise<ReadonlyMap<string, StoredTensor>>;
}

/** The tensors of the files of a folder; the index, where there is one, lies in the folder itself. */
export async function readTensors(folder: string, files: WeightFiles): Promise<ReadonlyMap<string, StoredTensor>> {
  if (await files.has(WEIGHTS_FILE)) return files.header(WEIGHTS_FILE);
  if (await files.has(WEIGHTS_INDEX)) return readShards(join(folder, WEIGHTS_INDEX), files);
  for (const name of PICKLED) {
    if (await files.has(name)) throw pickledError("openWeights", folder, name);
  }
  throw new EngineError(
    "openWeights",
    `${folder} has neither ${WEIGHTS_FILE} nor ${WEIGHTS_INDEX}`,
    "Pass the folder of a model that was saved as safetensors.",
  );
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

export function pickledError(where: string, folder: string, name: string): EngineError {
  return new EngineError(
    where,
    `${folder} has its weights as ${name} only, a pickle, which can run any code when it is read`,
    `Convert it once where you trust it, in Python:

    import transformers
    source = ${JSON.stringify(folder)}
    architectures = transformers.AutoConfig.from_pretrained(source).architectures or ["AutoModel"]
    getattr(transformers, architectures[0]).from_pretrained(source).save_pretrained("converted")
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained("converted")

and load the folder "converted".`,
  );
}

async function readShards(index: string, { has, header }: WeightFiles): Promise<ReadonlyMap<string, StoredTensor>> {
  const map = await readIndex(index);
  const fail = (what: string, wayOut = "Download the folder again, or save the model anew."): never => {
    throw new EngineError("openWeights", `${index}: ${what}`, wayOut);
  };
  const files = [...new Set(map.values())].sort();
  for (const file of files) {
    if (!(await has(file))) fail(`weight_map names ${quoted(file)}, which is not in the folder`);
  }
  const tensors = new Map<string, StoredTensor>();
  const shardOf = new Map<string, string>();
  for (const file of files) {
    for (const [name, stored] of await header(file)) {
      const other = shardOf.get(name);
      if (other !== undefined) fail(`tensor ${quoted(name)} is in both ${quoted(other)} and ${quoted(file)}`);
      shardOf.set(name, file);
      tensors.set(name, stored);
    }
  }
  for (const [name, file] of map) {
    const found = shardOf.get(name);
    if (found !== file) {
      const where = found === undefined ? "no shard has it" : `it is in ${quoted(found)}`;
      fail(`weight_map says that tensor ${quoted(name)} is in ${quoted(file)}, but ${where}`);
    }
  }
  return tensors;
}

/** The checked `weight_map` of an index: file names by tensor. */
async function readIndex(path: string): Promise<ReadonlyMap<string, string>> {
  const fail = (what: string, cause?: unknown): never => {
    throw new EngineError("openWeights", `${path}: ${what}`, "Download the index again, or save the model anew.", {
      cause,
    });
  };
  const { size } = await stat(path);
  if (size > LONGEST_INDEX) fail(`${size} bytes are too many for an index, ${LONGEST_INDEX} is the most`);
  let text: string;
  let json: unknown;
  try {
    text = await readFile(path, "utf8");
    json = JSON.parse(text);
  } catch (error) {
    return fail("this is not JSON", error);
  }
  const twice = duplicateKey(text);
  if (twice !== null) fail(`${quoted(twice)} is there twice`);
  const entries = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof entries !== "object" || entries === null || Array.isArray(entries)) {
    return fail("there is no weight_map from tensor to file");
  }
  const map = new Map<string, string>();
  for (const [name, file] of Object.entries(entries)) {
    if (typeof file !== "string") return fail(`weight_map gives tensor ${quoted(name)} no file name`);
    if (!staysInside(file)) {
      fail(`weight_map puts tensor ${quoted(name)} in ${quoted(file)}, which is not a path inside the folder`);
    }
    map.set(name, file);
  }
  if (map.size === 0) fail("weight_map is empty");
  return map;
}

/** Whether a relative path from a file stays in its folder on every platform. */
export function staysInside(path: string): boolean {
  if (path === "" || path.includes("\0") || posix.isAbsolute(path) || win32.isAbsolute(path)) return false;
  const parts = path.split(/[/\\]/);
  return !parts.includes("..") && !/^[a-z]:/i.test(path) && parts.at(-1) !== "" && parts.at(-1) !== ".";
}
