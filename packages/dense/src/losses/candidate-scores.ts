import { concat, type Tensor } from "@ettin/core";

/**
 * A query's score with each of its own documents.
 *
 * @param similarity from two `[n, dim]` to `[n]`
 * @returns `[n, documents]`
 */
export function candidateScores(
  query: Tensor,
  documents: readonly Tensor[],
  similarity: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  return concat(
    documents.map((document) => similarity(query, document).reshape([query.shape[0]!, 1])),
    1,
  );
}
