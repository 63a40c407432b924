import { type Device, type DeviceName, resolveDevice } from "../device.ts";
import { EngineError } from "../errors.ts";
import { neg } from "../ops/affine.ts";
import { max } from "../ops/max.ts";
import { rowsOf } from "../similarity/vector-rows.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The least and the largest number of each dimension. */
export interface EmbeddingRanges {
  /** `[dim]` */
  readonly min: Float32Array;
  /** `[dim]` */
  readonly max: Float32Array;
}

const AT_ONCE = 1 << 20;

/** The ranges of embeddings, for precisions of 8 bits. */
export async function rangesOf(
  embeddings: readonly Float32Array[],
  options: { device?: Device | DeviceName | undefined; where?: string } = {},
): Promise<EmbeddingRanges> {
  const { where = "rangesOf" } = options;
  const { data, rows, dim } = rowsOf(where, "embeddings", embeddings);
  if (rows === 0) throw new EngineError(where, "there are no embeddings", "Pass one at least.");
  const device = resolveDevice(options.device);
  const least = new Float32Array(dim).fill(Number.POSITIVE_INFINITY);
  const largest = new Float32Array(dim).fill(Number.NEGATIVE_INFINITY);
  const most = Math.max(1, Math.floor(AT_ONCE / Math.max(1, dim)));
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    const some = data.subarray(first * dim, (first + count) * dim);
    const [below, above] = noGrad(() =>
      tensorScope(() => {
        const x = Tensor.from(some, { shape: [count, dim], device });
        return [max(neg(x), 0).data(), max(x, 0).data()] as const;
      }),
    );
    const [negated, highest] = [await below, await above];
    for (let c = 0; c < dim; c++) {
      least[c] = Math.min(least[c]!, -negated[c]!);
      largest[c] = Math.max(largest[c]!, highest[c]!);
    }
  }
  return { min: least, max: largest };
}
