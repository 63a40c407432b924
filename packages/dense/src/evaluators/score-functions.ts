import { EngineError, type ScoreFunction, type SimilarityFunctionName, similarityFunction } from "@ettin/core";
import { checkMain } from "./embedding-model.ts";

/** Functions by which documents are ranked: names of similarities, or functions by a name of their own. */
export type ScoreFunctions = readonly SimilarityFunctionName[] | Readonly<Record<string, ScoreFunction>>;

/** By name: a similarity, or a function. */
export type NamedScores = ReadonlyMap<string, SimilarityFunctionName | ScoreFunction>;

/**
 * In the order in which they are given: that of the metrics.
 *
 * @param main the one that counts, which has to be among them
 */
export function namedScores(where: string, functions: ScoreFunctions, main: string | undefined): NamedScores {
  const entries: [string, SimilarityFunctionName | ScoreFunction][] = Array.isArray(functions)
    ? (functions as readonly SimilarityFunctionName[]).map((name) => [name, name])
    : Object.entries(functions as Readonly<Record<string, ScoreFunction>>);
  if (entries.length === 0)
    throw new EngineError(where, "scoreFunctions is empty", "Leave it out for the model's own.");
  for (const [, score] of entries) if (typeof score === "string") similarityFunction(score); // it is there
  checkMain(where, ["mainScoreFunction", main], ["the functions", entries.map(([name]) => name)]);
  return new Map(entries);
}

/** The names in their own order: that of a file's columns, and of functions that are equally good. */
export const sortedNames = (scores: NamedScores): string[] => [...scores.keys()].sort();

/** The name of the function with the best nDCG at the largest place; of equals the first. */
export function bestByNdcg(
  names: Iterable<string>,
  metrics: Readonly<Record<string, number>>,
  largest: number,
): string {
  let best = "";
  for (const name of names) {
    if (best === "" || metrics[`${name}_ndcg@${largest}`]! > metrics[`${best}_ndcg@${largest}`]!) best = name;
  }
  return best;
}
