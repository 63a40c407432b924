import {
  affine,
  EngineError,
  pairwiseCosSim,
  pairwiseEuclideanSim,
  pairwiseManhattanSim,
  type Tensor,
} from "@ettin/core";

/** How far the texts of a pair are apart: `1 − cosine`, or a length of the difference. */
export type SiameseDistanceMetric = "cosine" | "euclidean" | "manhattan";

const byName: Readonly<Record<SiameseDistanceMetric, (a: Tensor, b: Tensor) => Tensor>> = {
  cosine: (a, b) => affine(pairwiseCosSim(a, b, { eps: 1e-8 }), -1, 1),
  // 1e-6 is added to each component of the difference, as PyTorch's pairwise_distance does
  euclidean: (a, b) => pairwiseEuclideanSim(affine(a, 1, 1e-6), b).neg(),
  manhattan: (a, b) => pairwiseManhattanSim(affine(a, 1, 1e-6), b).neg(),
};

/** The distance of a name, or the function that was given, from two `[n, dim]` to `[n]`. */
export function siameseDistance(
  owner: string,
  given: SiameseDistanceMetric | ((a: Tensor, b: Tensor) => Tensor),
): (a: Tensor, b: Tensor) => Tensor {
  if (typeof given === "function") return given;
  if (Object.hasOwn(byName, given)) return byName[given];
  throw new EngineError(owner, `there is no distance "${given}"`, `Names are ${Object.keys(byName).join(", ")}.`);
}

/** What a model card calls a distance. */
export const distanceName = (given: string | ((...of: Tensor[]) => Tensor)): string =>
  typeof given === "function" ? given.name || "custom" : given;
