import { EngineError } from "../errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { cosSim, pairwiseCosSim } from "./cosine.ts";
import { euclideanSim, manhattanSim, pairwiseEuclideanSim, pairwiseManhattanSim } from "./distance.ts";
import { dotScore, pairwiseDotScore } from "./dot.ts";

/** How two vectors are compared; distances are negated, so that more is nearer. */
export type SimilarityFunction = "cosine" | "dot" | "euclidean" | "manhattan";

/** A similarity of all rows with all, and of rows that belong together. */
export interface SimilarityPair {
  /** `[n, dim]`, `[m, dim]` to `[n, m]`. */
  readonly matrix: (a: Tensor, b: Tensor) => Tensor;
  /** `[n, dim]`, `[n, dim]` to `[n]`. */
  readonly pairwise: (a: Tensor, b: Tensor) => Tensor;
}

const pairs: ReadonlyMap<string, SimilarityPair> = new Map<SimilarityFunction, SimilarityPair>([
  ["cosine", { matrix: cosSim, pairwise: pairwiseCosSim }],
  ["dot", { matrix: dotScore, pairwise: pairwiseDotScore }],
  ["euclidean", { matrix: euclideanSim, pairwise: pairwiseEuclideanSim }],
  ["manhattan", { matrix: manhattanSim, pairwise: pairwiseManhattanSim }],
]);

export const similarityFunctions: readonly SimilarityFunction[] = ["cosine", "dot", "euclidean", "manhattan"];

/** Whether a file's text names a similarity. */
export const isSimilarityFunction = (name: unknown): name is SimilarityFunction =>
  typeof name === "string" && pairs.has(name);

/**
 * The ops of a similarity.
 *
 * @throws EngineError if there is none of that name
 */
export function similarityOf(name: SimilarityFunction, where = "similarityOf"): SimilarityPair {
  const found = pairs.get(name);
  if (found) return found;
  throw new EngineError(
    where,
    `similarity ${JSON.stringify(name)} is unknown`,
    `Use one of ${similarityFunctions.map((each) => `"${each}"`).join(", ")}.`,
  );
}
