import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type NormOptions, normArguments } from "./norm.ts";
import { rmsNormAgain, rmsNormGradient } from "./rms-norm.ts";

/**
 * A residual addition and the RMS norm of its result in one pass: `sum = x + residual`, `y = rmsNorm(sum)`. The sum is
 * rounded to its dtype before it is normalised, as the two ops would.
 *
 * @param x `[…, dim]` float32 or bfloat16
 * @param residual of x's shape and dtype
 * @param weight `[dim]` float32 or bfloat16; 1 if absent
 * @param options `eps` (default 1e-6)
 * @returns `y` and `sum`, of x's shape and dtype
 */
export function addRmsNorm(
  x: Tensor,
  residual: Tensor,
  weight?: Tensor | null,
  options: NormOptions = {},
): { y: Tensor; sum: Tensor } {
  const { input, r, w, rows, eps } = normArguments("addRmsNorm", { x, residual, weight }, options, 1e-6);
  const y = Tensor.empty(x.shape, x);
  const sum = Tensor.empty(x.shape, x);
  const rstd = Tensor.empty([rows], x, "float32");
  x.backend.rmsNormForward(y, sum, rstd, input, r, w, eps);
  record(
    "addRmsNorm",
    [y, sum],
    { inputs: [x, residual, weight ?? null], saved: [sum, rstd, w], remake: ([s, , w]) => rmsNormAgain(s, w, eps) },
    ([dy, dsum], [s, rstd, w], context) => {
      if (!dy) return [dsum, dsum, null];
      const [dx, dweight] = rmsNormGradient(dy, dsum, s, rstd, w, context, 2);
      return [dx, dx, dweight];
    },
  );
  return { y, sum };
}
