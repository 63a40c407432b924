import { type SimilarityFunctionName, similarityFunction } from "../similarity/similarity-function.ts";
import type { Tensor } from "../tensor/tensor.ts";

type OfTensors = (a: Tensor, b: Tensor) => Tensor;

/** A similarity by its name, in the form that a loss needs, or the function that was given. */
export function resolveSimilarity(given: SimilarityFunctionName | OfTensors, form: "matrix" | "pairwise"): OfTensors {
  return typeof given === "function" ? given : similarityFunction(given)[form];
}

/** What a model card calls it. */
export function similarityName(given: SimilarityFunctionName | OfTensors): string {
  return typeof given === "function" ? given.name || "custom" : given;
}
