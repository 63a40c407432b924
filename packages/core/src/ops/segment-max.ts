import { expectFloat, expectOffsets, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { expectStarts } from "./starts.ts";

/**
 * The largest of each channel over the token vectors of a sequence: `y[b, c] = max_{t in b} x[t, c]`. The gradient goes
 * to the first of equals. A sequence with nothing to pool is zero and has no gradient.
 *
 * @param x `[tokens, dim]` float32 or bfloat16
 * @param offsets `[sequences + 1]` int32, where each sequence starts; the last is `tokens`
 * @param options `starts`: `[sequences]` int32, the first row of each sequence that counts (after a prompt); its offset
 *   by default
 * @returns `[sequences, dim]`
 */
export function segmentMax(x: Tensor, offsets: Tensor, options: { starts?: Tensor | undefined } = {}): Tensor {
  expectFloat("segmentMax", "x", x);
  const [tokens, dim] = expectShape("segmentMax", "x", x, ["tokens", "dim"]);
  const sequences = expectOffsets("segmentMax", "offsets", offsets, tokens);
  const starts = expectStarts("segmentMax", options.starts, sequences);

  const y = Tensor.empty([sequences, dim], x);
  const rows = Tensor.empty([sequences, dim], x, "int32");
  x.backend.segmentMaxForward(y, rows, contiguous(x), offsets, starts);
  return record("segmentMax", y, { inputs: [x], saved: [rows] }, (dy, [rows]) => {
    const dx = Tensor.empty([tokens, dim], dy);
    dy.backend.segmentMaxBackward(dx, dy, rows);
    return [dx];
  });
}
