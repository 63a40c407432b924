import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { affineAs, neg } from "./affine.ts";
import { expandTogether, reduceTo } from "./broadcast.ts";

/**
 * `y = a − b`, with broadcasting as in NumPy.
 *
 * @param a float32, bfloat16 or int32
 * @param b a number, or a tensor of a's dtype
 */
export function sub(a: Tensor, b: Tensor | number): Tensor {
  if (typeof b === "number") return affineAs("sub", a, 1, -b);
  const { shape, left, right } = expandTogether("sub", a, b);
  const y = Tensor.empty(shape, a);
  a.backend.sub(y, left, right);
  return record("sub", y, { inputs: [a, b], saved: [] }, (dy, _, { needs }) => [
    needs(0) ? reduceTo(dy, a.shape) : null,
    needs(1) ? neg(reduceTo(dy, b.shape)) : null,
  ]);
}
