import { add } from "../ops/add.ts";
import { neg } from "../ops/affine.ts";
import { concat } from "../ops/concat.ts";
import { div } from "../ops/div.ts";
import { mul } from "../ops/mul.ts";
import { relu } from "../ops/relu.ts";
import { split } from "../ops/split.ts";
import { sqrt } from "../ops/sqrt.ts";
import { sub } from "../ops/sub.ts";
import { sum } from "../ops/sum.ts";
import { tensorScope } from "../tensor/scope.ts";
import { Tensor } from "../tensor/tensor.ts";
import { expectPairs } from "./operands.ts";

/**
 * The angle between rows that belong together, read as complex numbers (AnglE): with a row's halves as real and imaginary
 * parts, `x = a + ib` and `y = c + id`, it is `|Σ(ac + bd) + Σ(bc − ad)| / (‖x‖‖y‖)`. An odd width gets one zero more.
 *
 * @param x `[n, dim]`
 * @param y `[n, dim]`
 * @returns `[n]`, not negative
 * @see https://arxiv.org/abs/2309.12871
 */
export function pairwiseAngleSim(x: Tensor, y: Tensor): Tensor {
  expectPairs("pairwiseAngleSim", x, y);
  return tensorScope(() => {
    const [a, b] = halves(x);
    const [c, d] = halves(y);
    const real = add(mul(a, c), mul(b, d));
    const imaginary = sub(mul(b, c), mul(a, d));
    const signed = div(sum(add(real, imaginary), -1), mul(length(x), length(y)));
    return add(relu(signed), relu(neg(signed)));
  });
}

const length = (x: Tensor): Tensor => sqrt(sum(mul(x, x), -1));

function halves(x: Tensor): [Tensor, Tensor] {
  const [rows, dim] = x.shape as [number, number];
  const even = dim % 2 === 0 ? x : concat([x, Tensor.zeros([rows, 1], { device: x.device, dtype: x.dtype })], 1);
  const [first, second] = split(even, [Math.ceil(dim / 2), Math.ceil(dim / 2)], 1);
  return [first!, second!];
}
