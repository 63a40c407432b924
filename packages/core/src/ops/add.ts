import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { affineAs } from "./affine.ts";
import { expandTogether, reduceTo } from "./broadcast.ts";

/**
 * `y = a + b`, with broadcasting as in NumPy.
 *
 * @param a float32, bfloat16 or int32
 * @param b a number, or a tensor of a's dtype
 */
export function add(a: Tensor, b: Tensor | number): Tensor {
  if (typeof b === "number") return affineAs("add", a, 1, b);
  const { shape, left, right } = expandTogether("add", a, b);
  const y = Tensor.empty(shape, a);
  a.backend.add(y, left, right);
  return record("add", y, { inputs: [a, b], saved: [] }, (dy, _, { needs }) => [
    needs(0) ? reduceTo(dy, a.shape) : null,
    needs(1) ? reduceTo(dy, b.shape) : null,
  ]);
}
