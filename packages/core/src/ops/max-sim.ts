import { expectDtype, expectFloat, expectOffsets, expectSameDevice, expectSameDtype, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

export interface MaxSimOptions {
  /** `[pairs, 2]` int32, each a query's and a document's number: score these only. All pairs where it is left out. */
  pairs?: Tensor | null;
}

/**
 * Late interaction over packed tokens: each query token finds its best document token, and a score is the sum of those,
 * `scores[q, j] = Σ_{i in q} max_{r in j} queries[i]·documents[r]`. The matrix of token scores is never made. A score
 * depends on its own query and document only. An empty document scores 0, and so does an empty query.
 *
 * Differs from PyLate where that pads: there a padded or masked document token counts as similarity 0, so no maximum
 * falls below 0. Here, as in Sentence Transformers 6, only a document's own tokens count.
 *
 * @param queries `[query tokens, dim]` float32 or bfloat16
 * @param documents `[document tokens, dim]` of the same dtype
 * @param queryOffsets `[queries + 1]` int32
 * @param documentOffsets `[documents + 1]` int32
 * @returns `[queries, documents]` float32, or `[pairs]`
 * @see https://arxiv.org/abs/2004.12832
 */
export function maxSim(
  queries: Tensor,
  documents: Tensor,
  queryOffsets: Tensor,
  documentOffsets: Tensor,
  options: MaxSimOptions = {},
): Tensor {
  const op = "maxSim";
  const { pairs = null } = options;
  expectFloat(op, "queries", queries);
  expectSameDtype(op, "queries", queries, "documents", documents);
  const [tokens, dim] = expectShape(op, "queries", queries, ["query tokens", "dim"]);
  const [documentTokens] = expectShape(op, "documents", documents, ["document tokens", dim]);
  const queryCount = expectOffsets(op, "queryOffsets", queryOffsets, tokens, "queries");
  const documentCount = expectOffsets(op, "documentOffsets", documentOffsets, documentTokens, "documents");
  if (pairs) {
    expectDtype(op, "pairs", pairs, "int32");
    expectShape(op, "pairs", pairs, ["pairs", 2]);
  }
  expectSameDevice(op, { queries, documents, queryOffsets, documentOffsets, pairs });

  const q = contiguous(queries);
  const d = contiguous(documents);
  const offsets = [contiguous(queryOffsets), contiguous(documentOffsets), pairs && contiguous(pairs)] as const;
  const shape = pairs ? [pairs.shape[0]!] : [queryCount, documentCount];
  const scores = Tensor.empty(shape, q, "float32");
  const rows = Tensor.empty(
    pairs ? [pairs.shape[0]!, longest(queryOffsets, tokens)] : [tokens, documentCount],
    q,
    "int32",
  );
  q.backend.maxSimForward(scores, rows, q, d, ...offsets);

  return record(
    op,
    scores,
    { inputs: [queries, documents], saved: [rows, q, d, ...offsets] },
    (dscores, [rows, q, d, queryOffsets, documentOffsets, pairs], { needs }) => {
      const dq = needs(0) ? Tensor.empty(q.shape, q) : null;
      const dd = needs(1) ? Tensor.empty(d.shape, d) : null;
      q.backend.maxSimBackward(dq, dd, dscores, rows, q, d, queryOffsets, documentOffsets, pairs);
      return [dq, dd];
    },
  );
}

/** The longest sequence's tokens where the offsets are known without waiting, else a number that cannot be too small. */
function longest(offsets: Tensor, tokens: number): number {
  const starts = offsets.hostValues();
  if (!starts) return tokens;
  let most = 0;
  for (let b = 1; b < starts.length; b++) most = Math.max(most, starts[b]! - starts[b - 1]!);
  return most;
}
