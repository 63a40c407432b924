import { concat } from "../ops/concat.ts";
import { split } from "../ops/split.ts";
import { checkpoint } from "./checkpoint.ts";
import { tensorScope } from "./scope.ts";
import { isRecording } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/**
 * Computes something large about each row, a few rows at a time: what a chunk's ops make is freed at once, and made
 * again for its gradient.
 *
 * @param cut `[n, …]` each, cut along their rows
 * @param whole tensors that every chunk sees whole
 * @param rowsPerChunk at least 1
 * @param run from the chunk's rows to as many rows; uses no other tensor with a tape. `first` is the number of its first
 *   row
 * @returns `[n, …]`
 */
export function inRowChunks(
  cut: readonly Tensor[],
  whole: readonly Tensor[],
  rowsPerChunk: number,
  run: (rows: Tensor[], whole: Tensor[], first: number) => Tensor,
): Tensor {
  const n = cut[0]!.shape[0]!;
  if (n <= rowsPerChunk) return run([...cut], [...whole], 0);
  const recorded = isRecording() && [...cut, ...whole].some((x) => x.requiresGrad);
  return tensorScope(() => {
    const sizes: number[] = [];
    for (let first = 0; first < n; first += rowsPerChunk) sizes.push(Math.min(rowsPerChunk, n - first));
    const parts = cut.map((x) => split(x, sizes));
    return concat(
      sizes.map((_, i) => {
        const chunk = (...xs: Tensor[]) => run(xs.slice(0, cut.length), xs.slice(cut.length), i * rowsPerChunk);
        const inputs = [...parts.map((of) => of[i]!), ...whole];
        return recorded ? checkpoint(chunk, ...inputs) : tensorScope(() => chunk(...inputs));
      }),
    );
  });
}
