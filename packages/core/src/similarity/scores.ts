import { type Device, type DeviceName, resolveDevice } from "../device.ts";
import { EngineError } from "../errors.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type SimilarityFunctionName, similarityFunction } from "./similarity-function.ts";
import { type Rows, rowsOf, type Vectors } from "./vector-rows.ts";

/** Scores in JavaScript's memory, row by row. */
export interface Scores {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export interface ScoresOptions {
  /** @default "cosine" */
  similarity?: SimilarityFunctionName;
  /** @default the default device */
  device?: Device | DeviceName;
  /** For messages: what the caller wrote. */
  where?: string;
}

/**
 * The similarity of each vector of `a` with each of `b`, computed by the engine.
 *
 * @returns `shape` `[n, m]`; a single vector counts as one
 */
export async function similarityMatrix(a: Vectors, b: Vectors, options: ScoresOptions = {}): Promise<Scores> {
  const { where = "similarityMatrix", similarity = "cosine" } = options;
  const [left, right] = [rowsOf(where, "a", a), rowsOf(where, "b", b)];
  if (left.rows === 0 || right.rows === 0) return { data: new Float32Array(0), shape: [left.rows, right.rows] };
  return {
    data: await run(where, left, right, similarityFunction(similarity, where).matrix, options),
    shape: [left.rows, right.rows],
  };
}

/**
 * The similarity of vectors that belong together: `a[i]` with `b[i]`.
 *
 * @returns `shape` `[n]`
 */
export async function pairwiseSimilarity(a: Vectors, b: Vectors, options: ScoresOptions = {}): Promise<Scores> {
  const { where = "pairwiseSimilarity", similarity = "cosine" } = options;
  const [left, right] = [rowsOf(where, "a", a), rowsOf(where, "b", b)];
  if (left.rows !== right.rows) {
    throw new EngineError(
      where,
      `a has ${left.rows} vectors, but b has ${right.rows}`,
      "Vector i of a is compared with vector i of b: pass as many of one as of the other.",
    );
  }
  if (left.rows === 0) return { data: new Float32Array(0), shape: [0] };
  return {
    data: await run(where, left, right, similarityFunction(similarity, where).pairwise, options),
    shape: [left.rows],
  };
}

function run(
  where: string,
  a: Rows,
  b: Rows,
  compare: (a: Tensor, b: Tensor) => Tensor,
  options: ScoresOptions,
): Promise<Float32Array> {
  if (a.dim !== b.dim) {
    throw new EngineError(
      where,
      `vectors of a have ${a.dim} numbers, but those of b ${b.dim}`,
      "Compare vectors of one model, cut to one length.",
    );
  }
  const device = resolveDevice(options.device);
  const [data] = noGrad(() =>
    tensorScope(() => {
      const left = Tensor.from(a.data, { shape: [a.rows, a.dim], device });
      const right = a.data === b.data ? left : Tensor.from(b.data, { shape: [b.rows, b.dim], device });
      return [compare(left, right).data()];
    }),
  );
  return data as Promise<Float32Array>;
}
