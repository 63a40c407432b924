import { expectDtype, expectSameDevice, expectSameDtype } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { broadcastShape, expandTo, reduceTo } from "./broadcast.ts";

/**
 * `y = a` where the condition is not 0, else `b`, with broadcasting as in NumPy. The gradient goes to the one that was
 * taken.
 *
 * @param condition int32, as `greater` and `equal` give
 * @param a float32, bfloat16 or int32
 * @param b of a's dtype
 */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  expectDtype("where", "condition", condition, "int32");
  expectSameDtype("where", "a", a, "b", b);
  expectSameDevice("where", { condition, a, b });
  const shape = broadcastShape("where", [condition.shape, a.shape, b.shape]);
  const chosen = expandTo(condition, shape);
  const y = Tensor.empty(shape, a);
  a.backend.where(y, chosen, expandTo(a, shape), expandTo(b, shape));
  return record("where", y, { inputs: [a, b], saved: [chosen] }, (dy, [chosen], { needs }) => {
    const zero = expandTo(Tensor.full([], 0, dy), dy.shape);
    const routed = (toA: boolean) => {
      const d = Tensor.empty(dy.shape, dy);
      dy.backend.where(d, chosen, toA ? dy : zero, toA ? zero : dy);
      return d;
    };
    return [needs(0) ? reduceTo(routed(true), a.shape) : null, needs(1) ? reduceTo(routed(false), b.shape) : null];
  });
}
