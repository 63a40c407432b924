import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { EngineError, shapeText } from "../errors.ts";
import { sizeOf } from "../tensor/shape.ts";
import { parseByteSize } from "./byte-size.ts";
import { flushFolder } from "./flush-folder.ts";
import { WEIGHTS_FILE, WEIGHTS_INDEX } from "./open-weights.ts";
import { quoted, STORED_BITS } from "./stored-tensor.ts";
import { dealShards, type WeightToSave, weightBytes } from "./weight-shards.ts";
import { writeAll, writeFileWhole, writeSafetensors } from "./write-safetensors.ts";

export interface SaveWeightsOptions {
  /**
   * Most bytes of tensors in one file: a number, or a string such as "5GB".
   *
   * @default "50GB"
   */
  maxShardSize?: number | string;
  /** Strings for the header. @default { format: "pt" }, which some readers require */
  metadata?: Readonly<Record<string, string>>;
}

const SHARD = /^model-\d{5,}-of-\d{5,}\.safetensors$/;

/**
 * Writes a model's tensors to a folder: `model.safetensors`, or shards and their index beyond `maxShardSize`. Files are
 * written beside their places, flushed, and renamed; a single file replaces the earlier one at once. Weights of an
 * earlier save that do not belong to this one are removed.
 *
 * @param tensors in state order, which decides the shards
 */
export async function saveWeights(
  folder: string,
  tensors: Iterable<WeightToSave>,
  { maxShardSize = "50GB", metadata = { format: "pt" } }: SaveWeightsOptions = {},
): Promise<void> {
  const all = [...tensors];
  checkTensors(all);
  const shards = dealShards(all, parseByteSize("saveWeights", "maxShardSize", maxShardSize));
  const names = shards.map((_, i) => (shards.length === 1 ? WEIGHTS_FILE : shardName(i + 1, shards.length)));

  await mkdir(folder, { recursive: true });
  const beside = (name: string) => join(folder, `.${name}.${process.pid}-${randomBytes(4).toString("hex")}.partial`);
  const written: { from: string; to: string }[] = [];
  try {
    for (const [i, shard] of shards.entries()) {
      const from = beside(names[i]!);
      written.push({ from, to: join(folder, names[i]!) });
      await writeSafetensors(from, shard, metadata);
    }
    if (shards.length > 1) {
      const from = beside(WEIGHTS_INDEX);
      written.push({ from, to: join(folder, WEIGHTS_INDEX) });
      await writeFileWhole(from, (file) => writeAll(file, Buffer.from(indexText(all, shards, names))));
      // Between two sets of shards there is no index: a reader then fails, in place of mixing them.
      await rm(join(folder, WEIGHTS_INDEX), { force: true });
    }
    for (const { from, to } of written) await rename(from, to);
  } catch (error) {
    await Promise.all(written.map(({ from }) => rm(from, { force: true })));
    throw error;
  }
  await removeEarlier(folder, new Set(shards.length > 1 ? [...names, WEIGHTS_INDEX] : names));
  await flushFolder(folder);
}

function checkTensors(tensors: readonly WeightToSave[]): void {
  const names = new Set<string>();
  for (const { name, dtype, shape } of tensors) {
    const fail = (what: string, wayOut: string): never => {
      throw new EngineError("saveWeights", `tensor ${quoted(name)} ${what}`, wayOut);
    };
    if (names.has(name)) fail("is given twice", "Give each tensor a name of its own.");
    if (name === "__metadata__") fail("has a name that the format keeps for itself", "Choose another name.");
    names.add(name);
    const bytes = Object.hasOwn(STORED_BITS, dtype) ? weightBytes({ dtype, shape }) : Number.NaN;
    if (!Number.isSafeInteger(bytes) || shape.some((size) => !Number.isSafeInteger(size) || size < 0)) {
      fail(`is ${dtype} ${shapeText(shape)}`, "Use one of the format's element types, and sizes 0, 1, 2 …");
    }
  }
}

const shardName = (number: number, count: number): string => {
  const digits = (n: number) => String(n).padStart(5, "0");
  return `model-${digits(number)}-of-${digits(count)}.safetensors`;
};

function indexText(all: readonly WeightToSave[], shards: readonly WeightToSave[][], names: readonly string[]): string {
  const entries = shards.flatMap((shard, i) => shard.map(({ name }): [string, string] => [name, names[i]!]));
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  const sum = (of: (tensor: WeightToSave) => number) => all.reduce((total, tensor) => total + of(tensor), 0);
  const metadata = { total_parameters: sum(({ shape }) => sizeOf(shape)), total_size: sum(weightBytes) };
  const lines = entries.map(([name, file]) => `    ${JSON.stringify(name)}: ${JSON.stringify(file)}`);
  return `{
  "metadata": {
    "total_parameters": ${metadata.total_parameters},
    "total_size": ${metadata.total_size}
  },
  "weight_map": {
${lines.join(",\n")}
  }
}
`;
}

async function removeEarlier(folder: string, keep: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(folder)) {
    const ours = name === WEIGHTS_FILE || name === WEIGHTS_INDEX || SHARD.test(name);
    if (ours && !keep.has(name)) await rm(join(folder, name));
  }
}
