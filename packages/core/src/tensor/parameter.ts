import { Tensor } from "./tensor.ts";

/**
 * A tensor that training changes: a leaf with gradients that no scope disposes, and whose packed forms the backend may
 * keep between products. Takes over the handle's storage; dispose the parameter when the model goes.
 *
 * @param x float32 (a master copy) or bfloat16
 */
export function parameter(x: Tensor): Tensor {
  const held = x.hold();
  held.adopt(undefined);
  held.requiresGrad = true;
  held.madeBy = "parameter";
  x.backend.setWeight(held.storage.id);
  x.dispose();
  return held;
}

/** A parameter of its own with the same values; it wants gradients where the other one does. */
export function copiedParameter(of: Tensor): Tensor {
  const values = Tensor.empty(of.shape, of);
  of.backend.copy(values, of);
  const copy = parameter(values);
  copy.requiresGrad = of.requiresGrad;
  return copy;
}
