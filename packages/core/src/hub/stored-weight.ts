import { EngineError } from "../errors.ts";
import { DTYPE_BYTES } from "../tensor/dtype.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { StoredDType } from "./stored-tensor.ts";
import type { WeightToSave } from "./weight-shards.ts";

const STORED_AS: Readonly<Partial<Record<Tensor["dtype"], StoredDType>>> = {
  float32: "F32",
  bfloat16: "BF16",
  int32: "I32",
};

/**
 * A tensor of a device as `saveWeights` takes it, under the name given.
 *
 * @param x contiguous, float32, bfloat16 or int32; read when its turn comes, so it stays alive until then
 * @param options `dtype`: what the file holds, @default the tensor's; `rows`: only these, from first to end
 */
export function storedWeight(
  name: string,
  x: Tensor,
  { dtype = x.dtype, rows }: { dtype?: Tensor["dtype"]; rows?: readonly [number, number] } = {},
): WeightToSave {
  const stored = STORED_AS[dtype];
  if (!stored || !x.isContiguous) {
    throw new EngineError(
      "storedWeight",
      `${name} is ${x.dtype}${x.isContiguous ? "" : ", not contiguous"}, to be saved as ${dtype}`,
      "Save contiguous tensors as float32, bfloat16 or int32.",
    );
  }
  const [first, end] = rows ?? [0, x.shape[0] ?? 1];
  const shape = rows ? [end - first, ...x.shape.slice(1)] : x.shape;
  const inner = x.shape.slice(1).reduce((product, size) => product * size, 1);
  const size = x.shape.length === 0 ? 1 : (end - first) * inner;
  return {
    name,
    dtype: stored,
    shape,
    async read() {
      const view = {
        storage: x.storage,
        offset: x.offset + first * inner,
        dtype: x.dtype,
        shape: [size],
        strides: [1],
      };
      let source: Tensor | null = null;
      if (dtype !== x.dtype) {
        source = Tensor.empty([size], x, dtype);
        x.backend.copy(source, view);
      }
      const from = source
        ? { id: source.storage.id, at: 0 }
        : { id: x.storage.id, at: view.offset * DTYPE_BYTES[dtype] };
      const bytes = x.backend.download(from.id, from.at, size * DTYPE_BYTES[dtype]);
      source?.dispose();
      return new Uint8Array(await bytes);
    },
  };
}
