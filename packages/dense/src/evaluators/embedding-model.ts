import {
  type EmbeddingRow,
  EngineError,
  type PackedVectors,
  packVectors,
  type SimilarityFunctionName,
  similarityFunction,
} from "@ettin/core";
import type { HasCardFacts } from "../card-facts.ts";

/** What evaluators ask of `encode`. */
export interface EvaluatorEncodeOptions {
  batchSize?: number;
  prompt?: string;
  promptName?: string;
  truncateDim?: number;
  normalizeEmbeddings?: boolean;
  precision?: "float32" | "int8" | "uint8" | "binary" | "ubinary";
  signal?: AbortSignal;
}

type Encode = (texts: readonly string[], options?: EvaluatorEncodeOptions) => Promise<readonly EmbeddingRow[]>;

/** What evaluators need of a model: `SentenceTransformer` has it. */
export interface EmbeddingModel extends HasCardFacts {
  readonly similarityFnName: SimilarityFunctionName;
  readonly encode: Encode;
  /** With the prompt of queries. */
  readonly encodeQuery: Encode;
  /** With the prompt of documents. */
  readonly encodeDocument: Encode;
}

/** Options that say how an evaluator encodes. */
export interface EncodingOptions {
  /** Texts that go through the model together. */
  batchSize?: number;
  /** Cuts embeddings to their first numbers. @default the model's own */
  truncateDim?: number;
}

/** Texts to vectors, as an evaluator's options say. */
export async function embed<Kind extends "encode" | "encodeQuery" | "encodeDocument">(
  where: string,
  model: Pick<EmbeddingModel, Kind>,
  kind: Kind,
  texts: readonly string[],
  options: { readonly [K in keyof EvaluatorEncodeOptions]: EvaluatorEncodeOptions[K] | undefined },
): Promise<PackedVectors> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return packVectors(where, await model[kind](texts, Object.fromEntries(given)));
}

/** Checks names of similarities, where some are given. */
export function checkSimilarities(where: string, names: readonly string[] | undefined): void {
  if (names === undefined) return;
  if (!Array.isArray(names) || names.length === 0) {
    const found = Array.isArray(names) ? "empty" : JSON.stringify(names);
    throw new EngineError(where, `similarityFnNames is ${found}`, 'Give a list, ["cosine"], or leave it out.');
  }
  for (const name of names) similarityFunction(name as SimilarityFunctionName, where);
}

/** Checks that the similarity that counts is one of those that are measured, where both are given. */
export function checkMain(
  where: string,
  [option, main]: readonly [option: string, main: string | undefined],
  [list, names]: readonly [list: string, names: readonly string[] | undefined],
): void {
  if (main === undefined || names === undefined || names.includes(main)) return;
  throw new EngineError(
    where,
    `${option} is ${JSON.stringify(main)}, but ${list} are ${names.join(", ")}`,
    "Name one of them, or leave it out.",
  );
}

/** Checks that columns of texts have one length, above 0. */
export function checkSameLength(where: string, columns: Readonly<Record<string, ArrayLike<unknown>>>): void {
  const [[name, first], ...others] = Object.entries(columns) as [
    [string, ArrayLike<unknown>],
    ...[string, ArrayLike<unknown>][],
  ];
  const missing = Object.keys(columns).find((key) => typeof columns[key]?.length !== "number");
  if (missing !== undefined) {
    const value: unknown = columns[missing];
    throw new EngineError(
      where,
      `${missing} ${value === undefined ? "are missing" : `is ${value === null ? "null" : `a ${typeof value}`}`}`,
      "Give a list, a row each.",
    );
  }
  if (first.length === 0) throw new EngineError(where, `${name} is empty`, "Give one row or more.");
  for (const [other, values] of others) {
    if (values.length === first.length) continue;
    throw new EngineError(
      where,
      `there are ${first.length} ${name}, but ${values.length} ${other}`,
      "Give as many of each.",
    );
  }
}
