import { sizeOf } from "../tensor/shape.ts";
import { STORED_BITS, type StoredDType } from "./stored-tensor.ts";

/** A tensor on its way into a file. */
export interface WeightToSave {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Its bytes, row-major, little-endian; called when its turn comes, so that one tensor is in memory at a time. */
  read(): Promise<Uint8Array>;
}

export const weightBytes = ({ dtype, shape }: Pick<WeightToSave, "dtype" | "shape">): number =>
  (sizeOf(shape) * STORED_BITS[dtype]) / 8;

/**
 * Deals tensors into shards of at most `limit` bytes, in the order given: one after the other until the next does not
 * fit; a tensor beyond the limit gets a shard of its own.
 */
export function dealShards(tensors: readonly WeightToSave[], limit: number): WeightToSave[][] {
  const shards: WeightToSave[][] = [];
  let current: WeightToSave[] = [];
  let filled = 0;
  for (const tensor of tensors) {
    const bytes = weightBytes(tensor);
    if (bytes > limit) {
      shards.push([tensor]);
      continue;
    }
    if (filled + bytes > limit) {
      shards.push(current);
      current = [];
      filled = 0;
    }
    current.push(tensor);
    filled += bytes;
  }
  if (current.length > 0 || shards.length === 0) shards.push(current);
  return shards;
}

const DTYPE_RANK = new Map(Object.keys(STORED_BITS).map((dtype, rank) => [dtype, rank]));

/**
 * The header of a safetensors file, padded with spaces so that the data starts at a multiple of 8 bytes, and the order
 * of its tensors: high dtype ranks first, then by name, as the format's own library writes them.
 */
export function layOut(
  tensors: readonly WeightToSave[],
  metadata: Readonly<Record<string, string>>,
): { header: Buffer; ordered: WeightToSave[] } {
  const ordered = [...tensors].sort(
    (a, b) => DTYPE_RANK.get(b.dtype)! - DTYPE_RANK.get(a.dtype)! || Buffer.compare(utf8(a.name), utf8(b.name)),
  );
  const fields = [`"__metadata__":${JSON.stringify(metadata)}`];
  let end = 0;
  for (const tensor of ordered) {
    const begin = end;
    end += weightBytes(tensor);
    const entry = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] };
    fields.push(`${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`); // an object would put names like "1" first
  }
  const json = utf8(`{${fields.join(",")}}`);
  const length = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + length, " ");
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, 8);
  return { header, ordered };
}

const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");
