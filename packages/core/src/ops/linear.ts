import { EngineError, expectFloat, expectSameDevice, expectShape, shapeText } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { type GradientContext, record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * A projection: `y = x · weightᵀ + bias`.
 *
 * x's dtype is the precision: with bfloat16 x a float32 weight takes part rounded to bfloat16, sums are float32, and y
 * is rounded once. The gradients of weight and bias are float32.
 *
 * @param x `[…, in]` float32 or bfloat16
 * @param weight `[out, in]` float32 or bfloat16
 * @param bias `[out]` float32 or bfloat16; none by default
 * @returns `[…, out]` of x's dtype
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  expectFloat("linear", "x", x);
  expectFloat("linear", "weight", weight);
  expectSameDevice("linear", { x, weight, bias });
  const [outSize, inSize] = expectShape("linear", "weight", weight, ["out", "in"]);
  if (x.shape.length === 0 || x.shape.at(-1) !== inSize) {
    throw new EngineError(
      "linear",
      `x has shape ${shapeText(x.shape)}, but weight ${shapeText(weight.shape)} takes ${inSize} features`,
      "The last dimension of x is the last of weight: weight is [out, in].",
    );
  }
  if (bias) {
    expectFloat("linear", "bias", bias);
    expectShape("linear", "bias", bias, [outSize]);
  }

  const leading = x.shape.slice(0, -1);
  const rows = leading.reduce((product, size) => product * size, 1);
  const input = contiguous(x).viewAs([rows, inSize]);
  const w = contiguous(weight);
  const y = Tensor.empty([...leading, outSize], x);
  x.backend.linearForward(y.viewAs([rows, outSize]), input, w, bias ? contiguous(bias) : null);

  return record("linear", y, { inputs: [x, weight, bias ?? null], saved: [input, w] }, (dy, [input, w], context) => {
    const dyRows = dy.viewAs([rows, outSize]);
    let dx: Tensor | null = null;
    if (context.needs(0)) {
      dx = Tensor.empty([...leading, inSize], dy);
      dy.backend.linearBackwardInput(dx.viewAs([rows, inSize]), dyRows, w);
    }
    const dweight = addedGradient(context, 1, weight, (dw, accumulate) => {
      dy.backend.linearBackwardWeight(dw, dyRows, input, accumulate);
    });
    const dbias = addedGradient(context, 2, bias ?? null, (db, accumulate) => {
      dy.backend.linearBackwardBias(db, dyRows, accumulate);
    });
    return [dx, dweight, dbias];
  });
}

/** A float32 gradient that the kernel adds to the one that is there, or writes; cast where the input is not float32. */
function addedGradient(
  context: GradientContext,
  i: number,
  input: Tensor | null,
  fill: (gradient: Tensor, accumulate: boolean) => void,
): Tensor | null {
  if (!input || !context.needs(i)) return null;
  const before = context.into(i);
  const gradient = before ?? Tensor.empty(input.shape, input, "float32");
  fill(gradient, before !== null);
  if (input.dtype === "float32") return gradient;
  const rounded = Tensor.empty(input.shape, input);
  gradient.backend.copy(rounded, gradient);
  return rounded;
}
