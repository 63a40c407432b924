import { EngineError } from "../errors.ts";
import { type SimilarityFunctionName, similarityFunction } from "../similarity/similarity-function.ts";
import type { Rows } from "../similarity/vector-rows.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Numbers that are copied at once: 16 MB. */
const NUMBERS_AT_ONCE = 1 << 22;

const NAMES: readonly SimilarityFunctionName[] = ["cosine", "dot", "euclidean", "manhattan"];

/** A model's own similarity; cosine where it has none. */
export function similarityName(where: string, name: string | null | undefined): SimilarityFunctionName {
  const known = NAMES.find((each) => each === (name ?? "cosine"));
  if (known) return known;
  throw new EngineError(where, `the model's similarity is ${JSON.stringify(name)}`, `Use ${NAMES.join(", ")}.`);
}

/** The similarity of row `left[i]` of `a` with row `right[i]` of `b`. */
export async function pairScores(
  a: Rows,
  left: readonly number[],
  b: Rows,
  right: readonly number[],
  name: SimilarityFunctionName,
): Promise<Float32Array> {
  const { dim } = a;
  const scores = new Float32Array(left.length);
  const atOnce = Math.max(1, Math.floor(NUMBERS_AT_ONCE / dim));
  const { pairwise } = similarityFunction(name);
  for (let start = 0; start < left.length; start += atOnce) {
    const end = Math.min(left.length, start + atOnce);
    const [reading] = noGrad(() =>
      tensorScope(() => {
        const x = Tensor.from(taken(a, left, start, end), { shape: [end - start, dim] });
        const y = Tensor.from(taken(b, right, start, end), { shape: [end - start, dim] });
        return [pairwise(x, y).data()];
      }),
    );
    scores.set(await reading, start);
  }
  return scores;
}

function taken({ data, dim }: Rows, rows: readonly number[], start: number, end: number): Float32Array {
  const out = new Float32Array((end - start) * dim);
  for (let i = start; i < end; i++) {
    out.set(data.subarray(rows[i]! * dim, (rows[i]! + 1) * dim), (i - start) * dim);
  }
  return out;
}
