import type { GradientContext } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The float32 gradient that a kernel writes for input `i`, and whether it adds to what is there; null if not wanted. */
export function weightGradient(
  context: GradientContext,
  i: number,
  weight: Tensor | null,
): [gradient: Tensor | null, accumulate: boolean] {
  if (!weight || !context.needs(i)) return [null, false];
  const sum = context.into(i);
  return [sum ?? Tensor.empty(weight.shape, weight, "float32"), sum !== null];
}

/** A gradient in the dtype of what it is the gradient of: itself, or rounded. */
export function inDtypeOf(gradient: Tensor | null, input: Tensor | null): Tensor | null {
  if (!gradient || !input || gradient.dtype === input.dtype) return gradient;
  const rounded = Tensor.empty(input.shape, input);
  gradient.backend.copy(rounded, gradient);
  return rounded;
}
