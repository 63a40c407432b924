import { add } from "../ops/add.ts";
import { affine, neg } from "../ops/affine.ts";
import { concat } from "../ops/concat.ts";
import { mul } from "../ops/mul.ts";
import { relu } from "../ops/relu.ts";
import { reshape } from "../ops/reshape.ts";
import { slice } from "../ops/slice.ts";
import { sqrt } from "../ops/sqrt.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import { tensorScope } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { expectPairs, expectRows } from "./operands.ts";

/** Under the root, so that equal rows have the gradient 0 and not NaN; below the rounding of any other distance. */
const TINY = 1e-30;

/** Elements of differences that are in memory at a time where no gradient needs them all. */
const BLOCK = 1 << 20;

const euclidean = (difference: Tensor): Tensor => neg(sqrt(affine(sum(mul(difference, difference), -1), 1, TINY)));

const manhattan = (difference: Tensor): Tensor => neg(sum(add(relu(difference), relu(neg(difference))), -1));

/**
 * Negated Euclidean distances `−√Σ(x − y)²` of each row of `a` from each of `b`. They are taken from differences, so
 * that near rows keep their digits: with gradients that needs `n · m · dim` numbers.
 *
 * @param a `[n, dim]`
 * @param b `[m, dim]` of the same dtype
 * @returns `[n, m]`
 */
export const euclideanSim = (a: Tensor, b: Tensor): Tensor => byDifferences("euclideanSim", a, b, euclidean);

/**
 * Negated Euclidean distances of rows that belong together.
 *
 * @param a `[n, dim]`
 * @param b `[n, dim]`
 * @returns `[n]`
 */
export function pairwiseEuclideanSim(a: Tensor, b: Tensor): Tensor {
  expectPairs("pairwiseEuclideanSim", a, b);
  return tensorScope(() => euclidean(sub(a, b)));
}

/**
 * Negated Manhattan distances `−Σ|x − y|` of each row of `a` from each of `b`; memory as for `euclideanSim`.
 *
 * @param a `[n, dim]`
 * @param b `[m, dim]` of the same dtype
 * @returns `[n, m]`
 */
export const manhattanSim = (a: Tensor, b: Tensor): Tensor => byDifferences("manhattanSim", a, b, manhattan);

/**
 * Negated Manhattan distances of rows that belong together.
 *
 * @param a `[n, dim]`
 * @param b `[n, dim]`
 * @returns `[n]`
 */
export function pairwiseManhattanSim(a: Tensor, b: Tensor): Tensor {
  expectPairs("pairwiseManhattanSim", a, b);
  return tensorScope(() => manhattan(sub(a, b)));
}

function byDifferences(op: string, a: Tensor, b: Tensor, score: (difference: Tensor) => Tensor): Tensor {
  const { n, m, dim } = expectRows(op, a, b);
  return tensorScope(() => {
    const columns = reshape(b, [1, m, dim]);
    const rows = Math.max(1, Math.floor(BLOCK / Math.max(1, m * dim)));
    const blocks: Tensor[] = [];
    for (let first = 0; first < n || first === 0; first += rows) {
      const end = Math.min(first + rows, n);
      const block = first === 0 && end === n ? a : slice(a, first, end);
      blocks.push(tensorScope(() => score(sub(reshape(block, [end - first, 1, dim]), columns))));
    }
    return blocks.length === 1 ? blocks[0]! : concat(blocks);
  });
}
