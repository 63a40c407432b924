import { EngineError, expectFloat } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { sizeOf } from "../tensor/shape.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Brings each row to length 1: `y = x / max(‖x‖, eps)` along the last axis, as PyTorch's `normalize` does.
 *
 * @param x `[…, dim]` float32 or bfloat16
 * @param options `eps`: the least divisor; a shorter row is divided by it (default 1e-12)
 * @returns x's shape
 */
export function l2Normalize(x: Tensor, options: { eps?: number | undefined } = {}): Tensor {
  expectFloat("l2Normalize", "x", x);
  if (x.shape.length === 0) {
    throw new EngineError("l2Normalize", "x has no dimensions", "Pass rows: [dim] or [rows, dim].");
  }
  const eps = options.eps ?? 1e-12;
  const y = Tensor.empty(x.shape, x);
  const norm = Tensor.empty([sizeOf(x.shape.slice(0, -1))], x, "float32");
  x.backend.l2NormalizeForward(y, norm, contiguous(x), eps);
  return record("l2Normalize", y, { inputs: [x], saved: [y, norm] }, (dy, [y, norm]) => {
    const dx = Tensor.empty(y.shape, y);
    dy.backend.l2NormalizeBackward(dx, dy, y, norm, eps);
    return [dx];
  });
}
