export { pairwiseAngleSim } from "./angle.ts";
export { type CosineOptions, cosSim, pairwiseCosSim } from "./cosine.ts";
export { dotScore, pairwiseDotScore } from "./dot.ts";
export { euclideanSim, pairwiseEuclideanSim } from "./euclidean.ts";
export { manhattanSim, pairwiseManhattanSim } from "./manhattan.ts";
export { pairwiseSimilarity, type Scores, type ScoresOptions, similarityMatrix } from "./scores.ts";
export {
  isSimilarityFunctionName,
  type SimilarityFunction,
  type SimilarityFunctionName,
  similarityFunction,
} from "./similarity-function.ts";
export type { Vectors } from "./vector-rows.ts";
