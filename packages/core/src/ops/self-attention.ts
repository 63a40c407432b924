import { EngineError, expectFloat, expectOffsets, expectSameDevice, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type AttentionMask, expectHeads, maskArguments } from "./attention.ts";
import { expectRotaryTable, type RotaryTable } from "./rotary.ts";

export interface SelfAttentionOptions extends AttentionMask {
  /** `[sequences + 1]` int32, where each sequence starts; the last is `tokens`. */
  offsets: Tensor;
  /** Query heads. */
  heads: number;
  /**
   * Key and value heads.
   *
   * @default heads
   */
  kvHeads?: number;
  /** Rotates queries and keys by their positions, which start at 0 in each sequence. Without it nothing is rotated. */
  rotary?: RotaryTable;
}

/**
 * Attention of packed sequences to themselves, straight from the projection: `attention` of the rotated queries and
 * keys, with the rotation inside the kernel.
 *
 * @param qkv `[tokens, (heads + 2 · kvHeads) · dim]` float32 or bfloat16: the heads of q, then of k, then of v
 * @returns `[tokens, heads · dim]`
 * @see attention for which keys a query sees; https://arxiv.org/abs/2104.09864 for the rotation
 */
export function selfAttention(qkv: Tensor, options: SelfAttentionOptions): Tensor {
  const { offsets, heads, kvHeads = heads, rotary } = options;
  expectFloat("selfAttention", "qkv", qkv);
  const [tokens, width] = expectShape("selfAttention", "qkv", qkv, ["tokens", "(heads + 2 kvHeads) dim"]);
  const dim = width / (heads + 2 * kvHeads);
  if (!Number.isInteger(dim)) {
    throw new EngineError(
      "selfAttention",
      `qkv has ${width} columns, which ${heads} query heads and twice ${kvHeads} key heads do not share evenly`,
      "Pass the numbers of heads of the projection that made qkv.",
    );
  }
  expectHeads("selfAttention", heads, kvHeads, dim);
  expectSameDevice("selfAttention", { qkv, offsets, cos: rotary?.cos, sin: rotary?.sin });
  const sequences = expectOffsets("selfAttention", "offsets", offsets, tokens, "qkv");
  if (rotary) expectRotaryTable("selfAttention", rotary, dim);
  const [scale, causal, left, right, numbers, ...draw] = maskArguments("selfAttention", options, dim, sequences);

  const input = contiguous(qkv);
  const [cos, sin] = [rotary?.cos ?? null, rotary?.sin ?? null];
  const y = Tensor.empty([tokens, heads * dim], qkv);
  const lse = Tensor.empty([heads, tokens], qkv, "float32");
  qkv.backend.selfAttentionForward(
    y,
    lse,
    input,
    cos,
    sin,
    offsets,
    heads,
    kvHeads,
    scale,
    causal,
    left,
    right,
    numbers,
    ...draw,
  );
  return record(
    "selfAttention",
    y,
    { inputs: [qkv], saved: [input, y, lse, cos, sin, offsets, numbers] },
    (dy, [qkv, y, lse, cos, sin, offsets, numbers]) => {
      const dqkv = Tensor.empty([tokens, width], dy);
      dy.backend.selfAttentionBackward(
        dqkv,
        dy,
        qkv,
        y,
        lse,
        cos,
        sin,
        offsets,
        heads,
        kvHeads,
        scale,
        causal,
        left,
        right,
        numbers,
        ...draw,
      );
      return [dqkv];
    },
  );
}
