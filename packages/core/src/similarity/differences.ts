import { reshape } from "../ops/reshape.ts";
import { sub } from "../ops/sub.ts";
import { inRowChunks } from "../tensor/row-chunks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectVectors } from "./expect-vectors.ts";

/** How many differences are in memory at once: 16 MiB of them. */
const chunkElements = 2 ** 22;

/**
 * A distance of every vector to every other from their differences, `y[i, j] = length(a[i] − b[j])`, some rows of `a`
 * at a time. Equal vectors differ by an exact zero, which a form by dot products does not give.
 *
 * @param length reduces the last axis of `[rows, m, dim]`
 * @returns `[n, m]`
 */
export function fromDifferences(where: string, a: Tensor, b: Tensor, length: (differences: Tensor) => Tensor): Tensor {
  const { rowsB, dim } = expectVectors(where, a, b);
  const rowsPerChunk = Math.max(1, Math.floor(chunkElements / Math.max(1, rowsB * dim)));
  return inRowChunks([a], [b], rowsPerChunk, ([rows], [others]) =>
    length(sub(reshape(rows!, [rows!.shape[0]!, 1, dim]), others!)),
  );
}
