import { expectFloat, expectOffsets, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * Averages the token vectors of each sequence with weights 1, 2, 3 …: `y[b] = Σ_i i x[offsets[b] + i − 1] / Σ_i i`.
 * An empty sequence is zero and has no gradient.
 *
 * @param x `[tokens, dim]` float32 or bfloat16
 * @param offsets `[sequences + 1]` int32, where each sequence starts; the last is `tokens`
 * @returns `[sequences, dim]`
 * @see https://arxiv.org/abs/2202.08904
 */
export function segmentWeightedMean(x: Tensor, offsets: Tensor): Tensor {
  expectFloat("segmentWeightedMean", "x", x);
  const [tokens, dim] = expectShape("segmentWeightedMean", "x", x, ["tokens", "dim"]);
  const sequences = expectOffsets("segmentWeightedMean", "offsets", offsets, tokens);

  const y = Tensor.empty([sequences, dim], x);
  x.backend.segmentWeightedMeanForward(y, contiguous(x), offsets);
  return record("segmentWeightedMean", y, { inputs: [x], saved: [offsets] }, (dy, [offsets]) => {
    const dx = Tensor.empty([tokens, dim], dy);
    dy.backend.segmentWeightedMeanBackward(dx, dy, offsets);
    return [dx];
  });
}
