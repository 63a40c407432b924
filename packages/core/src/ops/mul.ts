import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { affineAs } from "./affine.ts";
import { expandTogether, reduceTo } from "./broadcast.ts";

/**
 * `y = a · b`, element by element, with broadcasting as in NumPy.
 *
 * @param a float32, bfloat16 or int32
 * @param b a number, or a tensor of a's dtype
 */
export function mul(a: Tensor, b: Tensor | number): Tensor {
  if (typeof b === "number") return affineAs("mul", a, b, 0);
  const { shape, left, right } = expandTogether("mul", a, b);
  const y = Tensor.empty(shape, a);
  a.backend.mul(y, left, right);
  const saved = [a.requiresGrad ? right : null, b.requiresGrad ? left : null] as const;
  return record("mul", y, { inputs: [a, b], saved }, (dy, [right, left]) => {
    const product = (factor: Tensor) => {
      const d = Tensor.empty(dy.shape, dy);
      dy.backend.mul(d, dy, factor);
      return d;
    };
    return [right && reduceTo(product(right), a.shape), left && reduceTo(product(left), b.shape)];
  });
}
