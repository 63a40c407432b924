import { record } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { resolveAxis } from "./axes.ts";

/**
 * Exchanges two axes, the last two by default. A view.
 *
 * @param first an axis; negative ones count from the last
 */
export function transpose(x: Tensor, first = -2, second = -1): Tensor {
  const a = resolveAxis("transpose", x, first);
  const b = resolveAxis("transpose", x, second);
  return record("transpose", exchange(x, a, b), { inputs: [x], saved: [] }, (dy) => [exchange(dy, a, b)]);
}

function exchange(x: Tensor, a: number, b: number): Tensor {
  const swapped = <T>(list: readonly T[]) => list.map((item, d) => (d === a ? list[b]! : d === b ? list[a]! : item));
  return x.viewAs(swapped(x.shape), swapped(x.strides));
}
