import { type GradientContext, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type NormOptions, normArguments, weightGradients } from "./norm.ts";

/**
 * Each row to mean 0 and variance 1, then scaled and shifted per channel:
 * `y = (x − mean) / √(variance + eps) · weight + bias`, with the biased variance. Statistics are float32.
 *
 * @param x `[…, dim]` float32 or bfloat16
 * @param weight `[dim]` float32 or bfloat16; 1 if absent
 * @param bias `[dim]` float32 or bfloat16; 0 if absent
 * @param options `eps` (default 1e-5)
 * @returns x's shape and dtype
 * @see https://arxiv.org/abs/1607.06450
 */
export function layerNorm(x: Tensor, weight?: Tensor | null, bias?: Tensor | null, options: NormOptions = {}): Tensor {
  const { input, w, b, rows, eps } = normArguments("layerNorm", { x, weight, bias }, options, 1e-5);
  const y = Tensor.empty(x.shape, x);
  const mean = Tensor.empty([rows], x, "float32");
  const rstd = Tensor.empty([rows], x, "float32");
  x.backend.layerNormForward(y, null, mean, rstd, input, null, w, b, eps);
  return record(
    "layerNorm",
    y,
    {
      inputs: [x, weight ?? null, bias ?? null],
      saved: [input, mean, rstd, w, b],
      remake: ([s, , , w, b]) => normAgain(s, w, b, eps),
    },
    (dy, [s, mean, rstd, w], context) => layerNormGradient(dy, null, s, mean, rstd, w, context, 1),
  );
}

/** The norm of rows, once more. */
export function normAgain(s: Tensor, w: Tensor | null, b: Tensor | null, eps: number): Tensor {
  const y = Tensor.empty(s.shape, s);
  const statistics = () => Tensor.empty([s.size / s.shape.at(-1)!], s, "float32");
  s.backend.layerNormForward(y, null, statistics(), statistics(), s, null, w, b, eps);
  return y;
}

/** dx, dweight and dbias; inputs `first` and `first + 1` are weight and bias. */
export function layerNormGradient(
  dy: Tensor,
  dsum: Tensor | null,
  s: Tensor,
  mean: Tensor,
  rstd: Tensor,
  weight: Tensor | null,
  context: GradientContext,
  first: number,
): [Tensor, Tensor | null, Tensor | null] {
  const dx = Tensor.empty(s.shape, s);
  const [dweight, dbias, accumulate] = weightGradients(context, [first, first + 1], s);
  dy.backend.layerNormBackward(dx, dweight, dbias, dy, dsum, s, mean, rstd, weight, accumulate);
  return [dx, dweight, dbias];
}
