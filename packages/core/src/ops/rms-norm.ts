import { type GradientContext, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type NormOptions, normArguments } from "./norm.ts";

/**
 * Each row to mean square 1, then scaled per channel: `y = x / √(mean(x²) + eps) · weight`. Statistics are float32.
 *
 * @param x `[…, dim]` float32 or bfloat16
 * @param weight `[dim]` float32 or bfloat16; 1 if absent
 * @param options `eps` (default 1e-6)
 * @returns x's shape and dtype
 * @see https://arxiv.org/abs/1910.07467
 */
export function rmsNorm(x: Tensor, weight?: Tensor | null, options: NormOptions = {}): Tensor {
  const { input, w, rows, eps } = normArguments("rmsNorm", { x, weight }, options, 1e-6);
  const y = Tensor.empty(x.shape, x);
  const rstd = Tensor.empty([rows], x, "float32");
  x.backend.rmsNormForward(y, null, rstd, input, null, w, eps);
  return record(
    "rmsNorm",
    y,
    { inputs: [x, weight ?? null], saved: [input, rstd, w], remake: ([s, , w]) => rmsNormAgain(s, w, eps) },
    (dy, [s, rstd, w], context) => rmsNormGradient(dy, null, s, rstd, w, context, 1),
  );
}

/** The norm of rows, once more. */
export function rmsNormAgain(s: Tensor, w: Tensor | null, eps: number): Tensor {
  const y = Tensor.empty(s.shape, s);
  s.backend.rmsNormForward(y, null, Tensor.empty([s.size / s.shape.at(-1)!], s, "float32"), s, null, w, eps);
  return y;
}

/** dx and dweight; input `which` is the weight. */
export function rmsNormGradient(
  dy: Tensor,
  dsum: Tensor | null,
  s: Tensor,
  rstd: Tensor,
  weight: Tensor | null,
  context: GradientContext,
  which: number,
): [Tensor, Tensor | null] {
  const dx = Tensor.empty(s.shape, s);
  const before = context.into(which);
  const dweight = before ?? (context.needs(which) ? Tensor.empty([s.shape.at(-1)!], s, "float32") : null);
  dy.backend.rmsNormBackward(dx, dweight, dy, dsum, s, rstd, weight, before !== null);
  return [dx, dweight];
}
