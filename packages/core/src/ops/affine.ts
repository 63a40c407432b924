import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * `y = scale · x + shift`, rounded once.
 *
 * @param x any shape; float32, bfloat16 or int32
 * @returns x's shape and dtype
 */
export function affine(x: Tensor, scale: number, shift: number): Tensor {
  return affineAs("affine", x, scale, shift);
}

/** `y = −x`. */
export function neg(x: Tensor): Tensor {
  return affineAs("neg", x, -1, 0);
}

/** `affine` under the name of the op that the caller wrote. */
export function affineAs(op: string, x: Tensor, scale: number, shift: number): Tensor {
  const y = Tensor.empty(x.shape, x);
  x.backend.affine(y, x, scale, shift);
  return record(op, y, { inputs: [x], saved: [] }, (dy) => {
    if (scale === 1) return [dy];
    const dx = Tensor.empty(dy.shape, dy);
    dy.backend.affine(dx, dy, scale, 0);
    return [dx];
  });
}
