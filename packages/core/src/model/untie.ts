import { open } from "node:fs/promises";
import type { StoredTensor } from "../hub/stored-tensor.ts";
import type { TiedNames } from "./model-kind.ts";

const CHUNK = 1 << 22;

/**
 * Settles which of two tied tensors counts, as transformers 5 does: the only one of the two is both; of two equal ones
 * the copy is dropped; two different ones stay.
 *
 * @param tensors by name, with or without the base model's prefix
 */
export async function settleTies(
  tensors: Map<string, StoredTensor>,
  tied: readonly TiedNames[],
  basePrefix: string,
): Promise<void> {
  const withoutPrefix = (name: string) =>
    name.startsWith(`${basePrefix}.`) ? name.slice(basePrefix.length + 1) : name;
  const nameOf = (name: string) => [name, withoutPrefix(name)].find((candidate) => tensors.has(candidate));
  for (const { target, table } of tied) {
    const [targetName, tableName] = [nameOf(target), nameOf(table)];
    if (targetName === undefined) continue;
    const copy = tensors.get(targetName)!;
    if (tableName === undefined) tensors.set(table, copy);
    else if (!(await sameBytes(copy, tensors.get(tableName)!))) continue;
    tensors.delete(targetName);
  }
}

async function sameBytes(a: StoredTensor, b: StoredTensor): Promise<boolean> {
  if (a.dtype !== b.dtype || a.bytes !== b.bytes || String(a.shape) !== String(b.shape)) return false;
  const [first, second] = await Promise.all([open(a.file), open(b.file)]);
  try {
    const size = Math.min(CHUNK, a.bytes);
    const buffers = [Buffer.alloc(size), Buffer.alloc(size)] as const;
    for (let done = 0; done < a.bytes; done += size) {
      const length = Math.min(size, a.bytes - done);
      await Promise.all([
        first.read(buffers[0], 0, length, a.offset + done),
        second.read(buffers[1], 0, length, b.offset + done),
      ]);
      if (!buffers[0].subarray(0, length).equals(buffers[1].subarray(0, length))) return false;
    }
    return true;
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
}
