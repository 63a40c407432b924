import { EngineError, shapeText } from "../errors.ts";
import { loadStored } from "../hub/load-stored.ts";
import { quoted, type StoredTensor } from "../hub/stored-tensor.ts";
import type { SavedPart } from "../nn/parameter-set.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor, and what it is called in a file: whole, or as its parts. */
export interface NamedTensor {
  readonly name: string;
  readonly tensor: Tensor;
  readonly parts: readonly SavedPart[] | null;
}

/** What of a tensor lies in the file under which name: its rows from `start` on, or all of it. */
export interface FilePart {
  readonly name: string;
  readonly shape: readonly number[];
  readonly rows: readonly [first: number, end: number] | null;
}

export function fileParts({ name, tensor, parts }: NamedTensor, prefix = ""): FilePart[] {
  if (!parts) return [{ name: prefix + name, shape: tensor.shape, rows: null }];
  return parts.map((part) => ({
    name: prefix + part.name,
    shape: [part.rows, ...tensor.shape.slice(1)],
    rows: [part.start, part.start + part.rows],
  }));
}

/** Fills a tensor with what a file has of it. */
export function loadInto(
  where: string,
  into: NamedTensor,
  stored: ReadonlyMap<string, StoredTensor>,
  file: string,
  prefix = "",
): void {
  for (const part of fileParts(into, prefix)) {
    const found = stored.get(part.name);
    if (!found) {
      throw new EngineError(
        where,
        `${file} has no tensor ${quoted(part.name)}`,
        "Use the checkpoint of the same model.",
      );
    }
    if (found.shape.length !== part.shape.length || found.shape.some((size, d) => size !== part.shape[d])) {
      throw new EngineError(
        where,
        `${file}: tensor ${quoted(part.name)} is ${shapeText(found.shape)}, but ${shapeText(part.shape)} is needed`,
        "Use the checkpoint of the same model.",
      );
    }
    const { tensor } = into;
    const dtype = tensor.dtype as "float32" | "bfloat16";
    if (tensor.shape.length > 0) {
      loadStored(found, { dtype, rows: { into: tensor, start: part.rows?.[0] ?? 0 } });
      continue;
    }
    const value = loadStored(found, { dtype, device: tensor.device });
    tensor.backend.copyInto(tensor.viewAs([1]), value.viewAs([1]), 0, 0);
    value.dispose();
  }
}

/** A tensor of no scope with the values that a file has. */
export function loadLike(
  where: string,
  like: NamedTensor,
  stored: ReadonlyMap<string, StoredTensor>,
  file: string,
  prefix: string,
): Tensor {
  const tensor = Tensor.empty(like.tensor.shape, like.tensor, "float32");
  try {
    loadInto(where, { ...like, tensor }, stored, file, prefix);
    return tensor;
  } catch (error) {
    tensor.dispose();
    throw error;
  }
}
