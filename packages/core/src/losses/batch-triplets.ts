/**
 * Triplets from the labels of a batch: every row is an anchor, rows of its class are positives, rows of other classes
 * negatives.
 */
import { EngineError, expectShape } from "../errors.ts";
import { affine, neg } from "../ops/affine.ts";
import { concat } from "../ops/concat.ts";
import { div } from "../ops/div.ts";
import { equal } from "../ops/equal.ts";
import { greater } from "../ops/greater.ts";
import { max } from "../ops/max.ts";
import { mean } from "../ops/mean.ts";
import { mul } from "../ops/mul.ts";
import { relu } from "../ops/relu.ts";
import { reshape } from "../ops/reshape.ts";
import { softplus } from "../ops/softplus.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import { where } from "../ops/where.ts";
import { inRowChunks } from "../tensor/row-chunks.ts";
import { Tensor } from "../tensor/tensor.ts";
import { maskOut } from "./mask-out.ts";
import { documentOwners, ownColumns } from "./own-columns.ts";

/** Triplets that are in memory at once: 16 MiB of them. */
const chunkTriplets = 2 ** 22;

/** Which rows are whose positives and negatives, `[n, n]` float32 each. */
interface Relations {
  readonly positives: Tensor;
  readonly negatives: Tensor;
  /** How many ordered pairs of different rows of one class there are. */
  readonly pairs: number;
}

function relationsOf(where: string, distances: Tensor, classes: ArrayLike<number>): Relations {
  const n = classes.length;
  expectShape(where, "distances", distances, [n, n]);
  const sizes = new Map<number, number>();
  for (let i = 0; i < n; i++) sizes.set(classes[i]!, (sizes.get(classes[i]!) ?? 0) + 1);
  if (sizes.size < 2) {
    throw new EngineError(
      where,
      n === 1
        ? "a batch has one row, so that there are no negatives"
        : `all ${n} rows have the label ${classes[0]}, so that there are no negatives`,
      'Use batches of several labels: batchSampler: "group_by_label", a shuffled dataset, and for the last, small batch ' +
        "dataloaderDropLast: true.",
    );
  }
  const { device } = distances;
  const label = Tensor.from(Int32Array.from(classes), { device });
  const same = equal(reshape(label, [n, 1]), reshape(label, [1, n])).to("float32");
  const self = ownColumns(n, 0, documentOwners(n, 1), distances).to("float32");
  return {
    positives: sub(same, self),
    negatives: affine(same, -1, 1),
    pairs: [...sizes.values()].reduce((total, size) => total + size * (size - 1), 0),
  };
}

/**
 * All valid triplets of the batch that are not yet apart:
 *
 *     loss = Σ max(0, d[i,j] − d[i,k] + margin) / (how many terms are above 0)
 *
 * @param distances `[n, n]`
 * @param classes `n` labels, of two classes or more
 * @returns a scalar
 */
export function batchAllTriplets(distances: Tensor, classes: ArrayLike<number>, margin: number): Tensor {
  const { positives, negatives } = relationsOf("batchAllTriplets", distances, classes);
  const sums = inRowChunks([distances, positives, negatives], [], rowsAtOnce(classes.length), ([d, pos, neg]) => {
    const terms = mul(mul(relu(affine(sub(second(d!), third(d!)), 1, margin)), second(pos!)), third(neg!));
    const active = greater(terms.detach(), 1e-16).to("float32");
    return concat([sum(sum(terms, 2), 1, { keepDims: true }), sum(sum(active, 2), 1, { keepDims: true })], 1);
  });
  const [total, count] = [sums.slice(0, 1, 1), sums.slice(1, 2, 1)];
  return div(sum(total), affine(sum(count.detach()), 1, 1e-16));
}

/**
 * For each anchor its farthest positive and its nearest negative:
 *
 *     loss = mean_i max(0, max_j d[i,j] − min_k d[i,k] + margin)
 *
 * or, where `margin` is "soft", `mean_i log(1 + exp(max_j d[i,j] − min_k d[i,k]))`. An anchor without positives counts
 * with a distance of 0 to them.
 *
 * @param distances `[n, n]`
 * @param classes `n` labels, of two classes or more
 * @returns a scalar
 * @see https://arxiv.org/abs/1703.07737
 */
export function batchHardTriplets(distances: Tensor, classes: ArrayLike<number>, margin: number | "soft"): Tensor {
  const { positives, negatives } = relationsOf("batchHardTriplets", distances, classes);
  const farthest = max(mul(positives, distances), 1);
  const nearest = neg(max(maskOut(neg(distances), equal(negatives, 0)), 1));
  const gap = sub(farthest, nearest);
  return mean(margin === "soft" ? softplus(gap) : relu(affine(gap, 1, margin)));
}

/**
 * For each pair of one class the nearest negative that is farther than the positive, or the farthest negative where there
 * is none:
 *
 *     loss = Σ_{i,j} max(0, d[i,j] − d[i,k(i,j)] + margin) / (ordered pairs of one class)
 *
 * @param distances `[n, n]`
 * @param classes `n` labels, of two classes or more
 * @returns a scalar
 * @see https://arxiv.org/abs/1503.03832
 */
export function batchSemiHardTriplets(distances: Tensor, classes: ArrayLike<number>, margin: number): Tensor {
  const { positives, negatives, pairs } = relationsOf("batchSemiHardTriplets", distances, classes);
  const losses = inRowChunks([distances, positives, negatives], [], rowsAtOnce(classes.length), ([d, pos, negs]) => {
    const candidates = mul(greater(third(d!), second(d!)).to("float32"), third(negs!));
    const outside = neg(max(maskOut(neg(third(d!)), equal(candidates, 0)), 2));
    const inside = max(maskOut(d!, equal(negs!, 0)), 1, { keepDims: true });
    const isOutside = greater(max(candidates, 2), 0);
    const chosen = where(isOutside, outside, inside);
    return sum(relu(mul(affine(sub(d!, chosen), 1, margin), pos!)), 1);
  });
  return sum(losses).div(Math.max(pairs, 1e-16));
}

const rowsAtOnce = (n: number): number => Math.max(1, Math.floor(chunkTriplets / (n * n)));

/** `[rows, n]` as `[rows, n, 1]`: the second row of a triplet. */
const second = (x: Tensor): Tensor => reshape(x, [...x.shape, 1]);

/** `[rows, n]` as `[rows, 1, n]`: the third row of a triplet. */
const third = (x: Tensor): Tensor => reshape(x, [x.shape[0]!, 1, x.shape[1]!]);
