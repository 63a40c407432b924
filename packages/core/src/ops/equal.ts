import { Tensor } from "../tensor/tensor.ts";
import { expandTogether } from "./broadcast.ts";

/**
 * 1 where `a = b`, else 0, with broadcasting as in NumPy; a NaN gives 0.
 *
 * @param a float32, bfloat16 or int32
 * @param b a number, or a tensor of a's dtype
 * @returns int32, without a gradient
 */
export function equal(a: Tensor, b: Tensor | number): Tensor {
  const other = typeof b === "number" ? Tensor.full([], b, a) : b;
  const { shape, left, right } = expandTogether("equal", a, other);
  const y = Tensor.empty(shape, a, "int32");
  a.backend.equal(y, left, right);
  y.madeBy = "equal";
  return y;
}
