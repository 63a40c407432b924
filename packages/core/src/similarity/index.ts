export { pairwiseAngleSim } from "./angle.ts";
export { cosSim, pairwiseCosSim } from "./cosine.ts";
export { euclideanSim, manhattanSim, pairwiseEuclideanSim, pairwiseManhattanSim } from "./distance.ts";
export { dotScore, pairwiseDotScore } from "./dot.ts";
export {
  isSimilarityFunction,
  type SimilarityFunction,
  type SimilarityPair,
  similarityFunctions,
  similarityOf,
} from "./functions.ts";
export { pairwiseSimilarity, type Scores, type ScoresOptions, similarityMatrix, type Vectors } from "./scores.ts";
