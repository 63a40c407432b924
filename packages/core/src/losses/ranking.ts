import { EngineError } from "../errors.ts";
import { neg } from "../ops/affine.ts";
import { concat } from "../ops/concat.ts";
import { diagonal } from "../ops/diagonal.ts";
import { logsumexp } from "../ops/logsumexp.ts";
import { mean } from "../ops/mean.ts";
import { reshape } from "../ops/reshape.ts";
import { where } from "../ops/where.ts";
import { Tensor } from "../tensor/tensor.ts";
import { inBatchNegatives } from "./in-batch-negatives.ts";
import { maskOut } from "./mask-out.ts";
import { documentOwners, ownColumns } from "./own-columns.ts";

/** Which texts of a batch are told apart. */
export type RankingDirection = "queryToDoc" | "queryToQuery" | "docToQuery" | "docToDoc";

export interface RankingOptions {
  /**
   * Similarities are multiplied by it: the inverse of a temperature. Larger numbers look harder at the most similar
   * negatives; 10 to 100 is common.
   *
   * @default 20
   */
  scale?: number;
  /**
   * What is told apart:
   *
   * - `queryToDoc` (always there): a query's positive from all documents of the batch;
   * - `queryToQuery`: from all other queries as well;
   * - `docToQuery`: the positive's query from all queries;
   * - `docToDoc`: the positive from the documents of all other queries.
   *
   * @default ["queryToDoc"]
   */
  directions?: readonly RankingDirection[];
  /**
   * One softmax over all directions together, or one for each and the mean of their losses. `perDirection` cannot have
   * `queryToQuery` and `docToDoc`, which hold no positive.
   *
   * @default "joint"
   */
  partitionMode?: "joint" | "perDirection";
  /**
   * Which negatives of `queryToDoc` get `hardnessStrength` times their own (unscaled) similarity added to their score,
   * so that harder ones count more: the documents of other queries, the query's own hard negatives, or both.
   *
   * @default null: none
   */
  hardnessMode?: "inBatchNegatives" | "hardNegatives" | "allNegatives" | null;
  /**
   * Published settings are 9 for in-batch and 5 for hard negatives.
   *
   * @default 0
   * @see https://arxiv.org/abs/2503.04812
   * @see https://arxiv.org/abs/2509.20354
   */
  hardnessStrength?: number;
}

/** Unscaled similarities of some rows of a batch; row `i` is query `first + i`. */
export interface RankingSimilarities {
  /** `[rows, queries · (1 + k)]`: to the positives of all queries, then to their first negatives, and so on. */
  readonly queryToDoc: Tensor;
  /** `[rows, queries]` */
  readonly queryToQuery?: Tensor;
  /** `[rows, queries]`: the row's positive against all queries. */
  readonly docToQuery?: Tensor;
  /** `[rows, queries · (1 + k)]`: the row's positive against all documents. */
  readonly docToDoc?: Tensor;
}

const everyDirection: readonly RankingDirection[] = ["queryToDoc", "queryToQuery", "docToQuery", "docToDoc"];
const hardnessModes = ["inBatchNegatives", "hardNegatives", "allNegatives"];

/** Fills in the defaults, and refuses what does not go together. */
export function resolveRanking(owner: string, options: RankingOptions): Required<RankingOptions> {
  const {
    scale = 20,
    directions = ["queryToDoc"],
    partitionMode = "joint",
    hardnessMode = null,
    hardnessStrength = 0,
  } = options;
  const refuse = (what: string, wayOut: string) => {
    throw new EngineError(owner, what, wayOut);
  };
  if (!(scale > 0 && scale < Number.POSITIVE_INFINITY)) refuse(`scale is ${scale}`, "Give a number above 0.");
  const unknown = directions.find((direction) => !everyDirection.includes(direction));
  if (unknown !== undefined)
    refuse(`there is no direction "${unknown}"`, `Directions are ${everyDirection.join(", ")}.`);
  if (!directions.includes("queryToDoc")) {
    refuse(`directions are [${directions.join(", ")}]`, 'Add "queryToDoc": it holds the positives.');
  }
  if (partitionMode !== "joint" && partitionMode !== "perDirection") {
    refuse(`there is no partitionMode "${partitionMode}"`, 'Use "joint" or "perDirection".');
  }
  const withoutPositive = directions.find((direction) => direction === "queryToQuery" || direction === "docToDoc");
  if (partitionMode === "perDirection" && withoutPositive) {
    refuse(
      `partitionMode is "perDirection" with the direction "${withoutPositive}", which holds no positive`,
      'Use partitionMode: "joint".',
    );
  }
  if (hardnessMode !== null && !hardnessModes.includes(hardnessMode)) {
    refuse(`there is no hardnessMode "${hardnessMode}"`, `Modes are ${hardnessModes.join(", ")}.`);
  }
  if (!(hardnessStrength >= 0)) refuse(`hardnessStrength is ${hardnessStrength}`, "Give a number from 0 on.");
  return { scale, directions, partitionMode, hardnessMode, hardnessStrength };
}

/**
 * Contrastive ranking in several directions at once. With the blocks of similarities b that are given,
 *
 *     joint         loss[i] = log Σ_b Σ_j exp(scale · s_b[i,j]) − scale · s(query i, positive i)
 *     perDirection  loss[i] = mean_b( log Σ_j exp(scale · s_b[i,j]) ) − scale · s(query i, positive i)
 *
 * where a query is left out of its own `queryToQuery`, and the documents of a row out of its `docToDoc`.
 *
 * @param of unscaled similarities, for all rows of the batch or some
 * @param options all of them: see `resolveRanking`
 * @param queries how many queries the batch has
 * @param first the query that row 0 is (default 0)
 * @returns `[rows]`
 * @see https://arxiv.org/abs/2308.03281
 */
export function rankingLosses(
  of: RankingSimilarities,
  options: Required<RankingOptions>,
  queries: number,
  first = 0,
): Tensor {
  const { scale, partitionMode } = options;
  const rows = of.queryToDoc.shape[0]!;
  const documents = of.queryToDoc.shape[1]! / queries;
  const logits = hardened(of.queryToDoc, options, queries, first);
  const others = [of.queryToQuery, of.docToQuery, of.docToDoc].filter((block) => block !== undefined);
  if (others.length === 0) return inBatchNegatives(logits, { first, reduction: "none" });

  const own = (columns: number) => ownColumns(rows, first, documentOwners(queries, columns), logits);
  const blocks = [logits];
  if (of.queryToQuery) blocks.push(maskOut(of.queryToQuery.mul(scale), own(1)));
  if (of.docToQuery) blocks.push(of.docToQuery.mul(scale));
  if (of.docToDoc) blocks.push(maskOut(of.docToDoc.mul(scale), own(documents)));
  const each = concat(
    blocks.map((block) => reshape(logsumexp(block), [rows, 1])),
    1,
  );
  const partition = partitionMode === "joint" ? logsumexp(each) : mean(each, 1);
  return partition.add(neg(diagonal(logits, first)));
}

/** Scaled similarities, with the chosen negatives made to count more. */
function hardened(similarities: Tensor, options: Required<RankingOptions>, queries: number, first: number): Tensor {
  const { scale, hardnessMode, hardnessStrength } = options;
  const scaled = similarities.mul(scale);
  if (hardnessMode === null || hardnessStrength === 0) return scaled;
  const [rows, columns] = similarities.shape as [number, number];
  const owned = (counts?: (column: number) => boolean) =>
    ownColumns(rows, first, documentOwners(queries, columns / queries, counts), similarities);
  const penalty = similarities.detach().mul(hardnessStrength);
  const none = Tensor.full([], 0, similarities);
  if (hardnessMode === "hardNegatives")
    return scaled.add(
      where(
        owned((column) => column > 0),
        penalty,
        none,
      ),
    );
  const spared = hardnessMode === "allNegatives" ? owned((column) => column === 0) : owned();
  return scaled.add(where(spared, none, penalty));
}
