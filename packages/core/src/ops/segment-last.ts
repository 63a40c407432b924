import { expectFloat, expectOffsets, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * The last token vector of each sequence: `y[b] = x[offsets[b + 1] − 1]`. An empty sequence is zero and has no gradient.
 *
 * @param x `[tokens, dim]` float32 or bfloat16
 * @param offsets `[sequences + 1]` int32, where each sequence starts; the last is `tokens`
 * @returns `[sequences, dim]`
 */
export function segmentLast(x: Tensor, offsets: Tensor): Tensor {
  expectFloat("segmentLast", "x", x);
  const [tokens, dim] = expectShape("segmentLast", "x", x, ["tokens", "dim"]);
  const sequences = expectOffsets("segmentLast", "offsets", offsets, tokens);

  const y = Tensor.empty([sequences, dim], x);
  x.backend.segmentLastForward(y, contiguous(x), offsets);
  return record("segmentLast", y, { inputs: [x], saved: [offsets] }, (dy, [offsets]) => {
    const dx = Tensor.empty([tokens, dim], dy);
    dy.backend.segmentLastBackward(dx, dy, offsets);
    return [dx];
  });
}
