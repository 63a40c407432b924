import { contiguous as inOnePiece } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** The same values, elements one after the other in memory: `x` itself where they are, else a copy. */
export function contiguous(x: Tensor): Tensor {
  if (x.isContiguous) return x;
  return record("contiguous", inOnePiece(x), { inputs: [x], saved: [] }, (dy) => [dy]);
}
