import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { cosSim, pairwiseCosSim } from "./cosine.ts";
import { dotScore, pairwiseDotScore } from "./dot.ts";
import { euclideanSim, pairwiseEuclideanSim } from "./euclidean.ts";
import { manhattanSim, pairwiseManhattanSim } from "./manhattan.ts";

/** How two embeddings are compared; distances are negated, so that more is always more similar. */
export type SimilarityFunctionName = "cosine" | "dot" | "euclidean" | "manhattan";

/** A similarity in both forms. */
export interface SimilarityFunction {
  /** `[n, m]` of `[n, dim]` and `[m, dim]`. */
  readonly matrix: (a: Tensor, b: Tensor) => Tensor;
  /** `[n]` of two `[n, dim]`. */
  readonly pairwise: (a: Tensor, b: Tensor) => Tensor;
}

const byName: Readonly<Record<SimilarityFunctionName, SimilarityFunction>> = {
  cosine: { matrix: cosSim, pairwise: pairwiseCosSim },
  dot: { matrix: dotScore, pairwise: pairwiseDotScore },
  euclidean: { matrix: euclideanSim, pairwise: pairwiseEuclideanSim },
  manhattan: { matrix: manhattanSim, pairwise: pairwiseManhattanSim },
};

/** Whether a value, such as a file's, names a similarity. */
export const isSimilarityFunctionName = (value: unknown): value is SimilarityFunctionName =>
  typeof value === "string" && Object.hasOwn(byName, value);

/**
 * The similarity of a name.
 *
 * @param where what the caller wrote, for the error
 */
export function similarityFunction(name: SimilarityFunctionName, where = "similarityFunction"): SimilarityFunction {
  if (!isSimilarityFunctionName(name)) {
    throw new EngineError(where, `there is no similarity "${name}"`, `Names are ${Object.keys(byName).join(", ")}.`);
  }
  return byName[name];
}
