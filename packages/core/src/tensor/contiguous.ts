import { Tensor } from "./tensor.ts";

/**
 * `x` itself where its elements lie one after the other, else a copy in which they do. Off the tape: an op calls it on
 * its arguments and still records the arguments.
 */
export function contiguous(x: Tensor): Tensor {
  if (x.isContiguous) return x;
  const y = Tensor.empty(x.shape, x);
  x.backend.copy(y, x);
  return y;
}
