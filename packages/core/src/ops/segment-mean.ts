import { expectFloat, expectOffsets, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { expectStarts } from "./starts.ts";

/**
 * Averages the token vectors of each sequence: `y[b] = Σ_{t in b} x[t] / n[b]`. A sequence with nothing to pool is zero
 * and has no gradient.
 *
 * @param x `[tokens, dim]` float32 or bfloat16
 * @param offsets `[sequences + 1]` int32, where each sequence starts; the last is `tokens`
 * @param options `starts`: `[sequences]` int32, the first row of each sequence that counts (after a prompt); its offset
 *   by default
 * @returns `[sequences, dim]`
 */
export function segmentMean(x: Tensor, offsets: Tensor, options: { starts?: Tensor | undefined } = {}): Tensor {
  expectFloat("segmentMean", "x", x);
  const [tokens, dim] = expectShape("segmentMean", "x", x, ["tokens", "dim"]);
  const sequences = expectOffsets("segmentMean", "offsets", offsets, tokens);
  const starts = expectStarts("segmentMean", options.starts, sequences);

  const y = Tensor.empty([sequences, dim], x);
  x.backend.segmentMeanForward(y, contiguous(x), offsets, starts);
  return record("segmentMean", y, { inputs: [x], saved: [offsets, starts] }, (dy, [offsets, starts]) => {
    const dx = Tensor.empty([tokens, dim], dy);
    dy.backend.segmentMeanBackward(dx, dy, offsets, starts);
    return [dx];
  });
}
