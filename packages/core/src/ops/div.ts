import { expectFloat } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { affineAs, neg } from "./affine.ts";
import { expandTogether, reduceTo } from "./broadcast.ts";

/**
 * `y = a / b`, with broadcasting as in NumPy.
 *
 * @param a float32 or bfloat16
 * @param b a number (multiplied by its reciprocal), or a tensor of a's dtype
 */
export function div(a: Tensor, b: Tensor | number): Tensor {
  expectFloat("div", "a", a);
  if (typeof b === "number") return affineAs("div", a, 1 / b, 0);
  const { shape, left, right } = expandTogether("div", a, b);
  const y = Tensor.empty(shape, a);
  a.backend.div(y, left, right);
  // da = dy / b, db = −dy · a / b² = −da · y
  return record(
    "div",
    y,
    { inputs: [a, b], saved: [right, b.requiresGrad ? y : null] },
    (dy, [right, y], { needs }) => {
      const da = Tensor.empty(dy.shape, dy);
      dy.backend.div(da, dy, right);
      if (!y) return [reduceTo(da, a.shape), null];
      const product = Tensor.empty(dy.shape, dy);
      dy.backend.mul(product, da, y);
      return [needs(0) ? reduceTo(da, a.shape) : null, neg(reduceTo(product, b.shape))];
    },
  );
}
