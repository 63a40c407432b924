import { concat } from "../ops/concat.ts";
import { mean } from "../ops/mean.ts";
import { transpose } from "../ops/transpose.ts";
import { inRowChunks } from "../tensor/row-chunks.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type RankingOptions, type RankingSimilarities, rankingLosses } from "./ranking.ts";

/**
 * Contrastive ranking of embeddings, some rows of scores at a time: `rowsPerChunk · B · (1 + k)` scores are in memory per
 * direction, whatever the batch.
 *
 * @param columns `[B, dim]` each: queries, their positives, then any hard negatives
 * @param similarity from `[n, dim]` queries and `[m, dim]` documents to `[n, m]`
 * @param options all of them: see `resolveRanking`
 * @param rowsPerChunk @default all rows
 * @returns a scalar, the mean over queries
 * @see rankingLosses
 */
export function multipleNegatives(
  columns: readonly Tensor[],
  similarity: (a: Tensor, b: Tensor) => Tensor,
  options: Required<RankingOptions>,
  rowsPerChunk: number = Number.POSITIVE_INFINITY,
): Tensor {
  const [queries, positives, ...negatives] = columns as [Tensor, Tensor, ...Tensor[]];
  const documents = negatives.length === 0 ? positives : concat([positives, ...negatives]);
  const has = (direction: (typeof options.directions)[number]) => options.directions.includes(direction);
  const ofDocuments = has("docToQuery") || has("docToDoc");
  const ofQueries = has("queryToQuery") || has("docToQuery");
  const losses = inRowChunks(
    ofDocuments ? [queries, positives] : [queries],
    ofQueries ? [documents, queries] : [documents],
    rowsPerChunk,
    ([rowQueries, rowPositives], [allDocuments, allQueries], first) => {
      const blocks: { -readonly [K in keyof RankingSimilarities]: RankingSimilarities[K] } = {
        queryToDoc: similarity(rowQueries!, allDocuments!),
      };
      if (has("queryToQuery")) blocks.queryToQuery = similarity(rowQueries!, allQueries!);
      if (has("docToQuery")) blocks.docToQuery = transpose(similarity(allQueries!, rowPositives!));
      if (has("docToDoc")) blocks.docToDoc = transpose(similarity(allDocuments!, rowPositives!));
      return rankingLosses(blocks, options, queries.shape[0]!, first);
    },
  );
  return mean(losses);
}
