import { EngineError, expectShape } from "../errors.ts";
import { affine } from "../ops/affine.ts";
import { mul } from "../ops/mul.ts";
import { relu } from "../ops/relu.ts";
import { sum } from "../ops/sum.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { maskOut } from "./mask-out.ts";
import { documentOwners, ownColumns } from "./own-columns.ts";

/**
 * How far unrelated vectors are from being spread over the sphere: there, similarities have mean 0 and second moment
 * `1 / dim`.
 *
 *     mean          ( mean_{i≠j} s[i,j] )²
 *     secondMoment  max(0, mean_{i≠j} s[i,j]² − 1 / dim)
 *
 * @param similarities `[n, n]` of vectors with themselves, n at least 2
 * @returns two scalars
 * @see https://arxiv.org/abs/1708.06320
 */
export function globalOrthogonality(similarities: Tensor, dim: number): { mean: Tensor; secondMoment: Tensor } {
  const [n] = expectShape("globalOrthogonality", "similarities", similarities, ["n", "n"]);
  if (n < 2) throw new EngineError("globalOrthogonality", `there are ${n} rows`, "Two or more can be compared.");
  const others = maskOut(similarities, ownColumns(n, 0, documentOwners(n, 1), similarities), 0);
  const pairs = n * (n - 1);
  const mean = sum(others).div(pairs);
  return {
    mean: mul(mean, mean),
    secondMoment: relu(affine(sum(mul(others, others)).div(pairs), 1, -1 / dim)),
  };
}
