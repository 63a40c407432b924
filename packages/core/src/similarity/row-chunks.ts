import { concat } from "../ops/concat.ts";
import { split } from "../ops/split.ts";
import { checkpoint } from "../tensor/checkpoint.ts";
import { tensorScope } from "../tensor/scope.ts";
import { isRecording } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/**
 * Computes something large about each row of `a`, a few rows at a time: what a chunk's ops make is freed at once, and
 * made again for its gradient.
 *
 * @param a `[n, …]`, cut along its rows
 * @param others whole in every call
 * @param rowsPerChunk at least 1
 * @param run from rows of `a` to as many rows; uses no other tensor with a tape. `first` is the number of its first row
 * @returns `[n, …]`
 */
export function inRowChunks(
  a: Tensor,
  others: readonly Tensor[],
  rowsPerChunk: number,
  run: (rows: Tensor, others: readonly Tensor[], first: number) => Tensor,
): Tensor {
  const n = a.shape[0]!;
  if (n <= rowsPerChunk) return run(a, others, 0);
  const recorded = isRecording() && [a, ...others].some((x) => x.requiresGrad);
  return tensorScope(() => {
    const sizes: number[] = [];
    for (let first = 0; first < n; first += rowsPerChunk) sizes.push(Math.min(rowsPerChunk, n - first));
    return concat(
      split(a, sizes).map((rows, i) => {
        const chunk = (x: Tensor, ...whole: Tensor[]) => run(x, whole, i * rowsPerChunk);
        return recorded ? checkpoint(chunk, rows, ...others) : tensorScope(() => chunk(rows, ...others));
      }),
    );
  });
}
