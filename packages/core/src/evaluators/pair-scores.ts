import { type SimilarityFunctionName, similarityFunction } from "../similarity/similarity-function.ts";
import { tensorScope } from "../tensor/scope.ts";
import { type PackedVectors, vectorsTensor } from "./vectors.ts";

/** Numbers that are on the device at once. */
const MOST_NUMBERS = 2 ** 22;

/** The similarity of row i of one and row i of the other, computed on the device; distances are negated. */
export async function pairScores(
  name: SimilarityFunctionName,
  a: PackedVectors,
  b: PackedVectors,
): Promise<Float32Array> {
  const { pairwise } = similarityFunction(name);
  const scores = new Float32Array(a.rows);
  const rowsAtOnce = Math.max(1, Math.floor(MOST_NUMBERS / Math.max(1, a.dim)));
  for (let first = 0; first < a.rows; first += rowsAtOnce) {
    const end = Math.min(first + rowsAtOnce, a.rows);
    const made = tensorScope(() => pairwise(vectorsTensor(a, first, end), vectorsTensor(b, first, end)));
    const reading = made.data();
    made.dispose();
    scores.set((await reading) as Float32Array, first);
  }
  return scores;
}
