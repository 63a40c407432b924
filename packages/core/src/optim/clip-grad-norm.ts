import { EngineError } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The gradients' norm, still on the device, and the limit that an optimizer's step holds them to. */
export interface GradientNorm {
  /** A float32 scalar. */
  readonly norm: Tensor;
  readonly maxNorm: number;
}

/**
 * The Euclidean norm of all gradients as one vector, `norm = √Σ g²`, to be given to `optimizer.step`, which multiplies
 * each gradient by `min(1, maxNorm / (norm + 1e-6))` in its own pass: the factor of PyTorch's `clip_grad_norm_`. The
 * gradients themselves stay as they are. A norm that is infinite or NaN makes the step change nothing.
 *
 * @param parameters those without a gradient count as zero
 * @param maxNorm infinite or 0: the gradients are not scaled, and the norm only guards the step
 * @returns the norm does not wait: read it with `norm.item()`
 */
export function clipGradNorm(parameters: Iterable<Tensor>, maxNorm: number): GradientNorm {
  if (!(maxNorm >= 0)) {
    throw new EngineError("clipGradNorm", `maxNorm is ${maxNorm}`, "Use a number above 0, or Infinity for no limit.");
  }
  const all = [...parameters];
  const gradients = all.flatMap(({ grad }) => (grad ? [grad.contiguous()] : []));
  const [first] = gradients;
  const norm = first ? Tensor.empty([], first, "float32") : Tensor.zeros([], all[0] ? { device: all[0].device } : {});
  if (first) norm.backend.globalNorm(norm, gradients);
  norm.madeBy = "clipGradNorm";
  return { norm, maxNorm: Number.isFinite(maxNorm) ? maxNorm : 0 };
}
