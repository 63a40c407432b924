import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { layerNormGradient, normAgain } from "./layer-norm.ts";
import { type NormOptions, normArguments } from "./norm.ts";

/**
 * A residual addition and the layer norm of its result in one pass: `sum = x + residual`, `y = layerNorm(sum)`. The sum
 * is rounded to its dtype before it is normalised, as the two ops would.
 *
 * @param x `[…, dim]` float32 or bfloat16
 * @param residual of x's shape and dtype
 * @param weight `[dim]` float32 or bfloat16; 1 if absent
 * @param bias `[dim]` float32 or bfloat16; 0 if absent
 * @param options `eps` (default 1e-5)
 * @returns `y` and `sum`, of x's shape and dtype
 */
export function addLayerNorm(
  x: Tensor,
  residual: Tensor,
  weight?: Tensor | null,
  bias?: Tensor | null,
  options: NormOptions = {},
): { y: Tensor; sum: Tensor } {
  const { input, r, w, b, rows, eps } = normArguments("addLayerNorm", { x, residual, weight, bias }, options, 1e-5);
  const y = Tensor.empty(x.shape, x);
  const sum = Tensor.empty(x.shape, x);
  const mean = Tensor.empty([rows], x, "float32");
  const rstd = Tensor.empty([rows], x, "float32");
  x.backend.layerNormForward(y, sum, mean, rstd, input, r, w, b, eps);
  record(
    "addLayerNorm",
    [y, sum],
    {
      inputs: [x, residual, weight ?? null, bias ?? null],
      saved: [sum, mean, rstd, w, b],
      remake: ([s, , , w, b]) => normAgain(s, w, b, eps),
    },
    ([dy, dsum], [s, mean, rstd, w], context) => {
      if (!dy) return [dsum, dsum, null, null];
      const [dx, dweight, dbias] = layerNormGradient(dy, dsum, s, mean, rstd, w, context, 2);
      return [dx, dx, dweight, dbias];
    },
  );
  return { y, sum };
}
