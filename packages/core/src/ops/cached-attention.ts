import { EngineError, expectDtype, expectFloat, expectOffsets, expectSameDevice, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { isRecording } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { expectHeads } from "./attention.ts";
import { expectRotaryTable, type RotaryTable } from "./rotary.ts";

export interface CachePlace {
  /** `[slots, kvHeads, capacity, dim]`, of qkv's dtype; keys lie there rotated. Changed in place. */
  keys: Tensor;
  /** `[slots, kvHeads, capacity, dim]`. Changed in place. */
  values: Tensor;
  /** `[sequences + 1]` int32, where each sequence's new tokens start; the last is `tokens`. */
  offsets: Tensor;
  /** `[sequences]` int32, each sequence's place in the cache: all different. */
  slots: Tensor;
  /** `[sequences]` int32, how many tokens of each sequence the cache has: the position of its first new one. */
  lengths: Tensor;
  /** Query heads. */
  heads: number;
  /** Rotates queries and keys by their positions. Without it nothing is rotated. */
  rotary?: RotaryTable | undefined;
  /**
   * How many keys before its own place a query sees; −1: all. With a window the capacity may be as small as
   * `left + 1`: it is a ring, in which position `p` has row `p mod capacity`.
   *
   * @default -1
   */
  left?: number;
}

/**
 * Writes the keys and values of new tokens into a cache; of a ring, those that stay. What `cachedAttention` also does.
 *
 * @param qkv `[tokens, (heads + 2 · kvHeads) · dim]` float32 or bfloat16: the heads of q, then of k, then of v
 */
export function appendToCache(qkv: Tensor, place: CachePlace): void {
  const { rows, left } = expectPlace("appendToCache", qkv, place);
  const { keys, values, offsets, slots, lengths, heads, rotary } = place;
  const [cos, sin] = [rotary?.cos ?? null, rotary?.sin ?? null];
  qkv.backend.appendToCache(keys, values, rows, cos, sin, offsets, slots, lengths, heads, left);
}

/**
 * Attention of new tokens, of which there are usually one per sequence, to the cached ones and themselves: writes their
 * keys and values into the cache, then
 *
 *     y[t] = Σ_j p[t,j] · v[j],   p[t] = softmax_j(scale · q[t]·k[j])   over the positions j in [p − left, p]
 *
 * Equals `selfAttention` over the whole sequence, causal, to rounding. It has no gradient.
 *
 * @param qkv `[tokens, (heads + 2 · kvHeads) · dim]` float32 or bfloat16: the heads of q, then of k, then of v
 * @param place where the cache is; `scale` multiplies the scores (default 1 / sqrt(dim))
 * @returns `[tokens, heads · dim]`
 */
export function cachedAttention(qkv: Tensor, place: CachePlace & { scale?: number | undefined }): Tensor {
  const { rows, dim, left } = expectPlace("cachedAttention", qkv, place);
  if (isRecording() && qkv.requiresGrad) {
    throw new EngineError(
      "cachedAttention",
      "qkv wants a gradient, and none flows through a cache",
      "Run inside noGrad, or train without a cache.",
    );
  }
  const { keys, values, offsets, slots, lengths, heads, rotary, scale = 1 / Math.sqrt(dim) } = place;
  const [cos, sin] = [rotary?.cos ?? null, rotary?.sin ?? null];
  const y = Tensor.empty([rows.shape[0]!, heads * dim], qkv);
  y.backend.cachedAttention(y, keys, values, rows, cos, sin, offsets, slots, lengths, heads, scale, left);
  y.madeBy = "cachedAttention";
  return y;
}

function expectPlace(op: string, qkv: Tensor, place: CachePlace): { rows: Tensor; dim: number; left: number } {
  const { keys, values, offsets, slots, lengths, heads, rotary, left = -1 } = place;
  expectFloat(op, "qkv", qkv);
  expectDtype(op, "keys", keys, qkv.dtype);
  expectDtype(op, "values", values, qkv.dtype);
  const [places, kvHeads, capacity, dim] = expectShape(op, "keys", keys, ["slots", "kvHeads", "capacity", "dim"]);
  expectShape(op, "values", values, [places, kvHeads, capacity, dim]);
  const [tokens] = expectShape(op, "qkv", qkv, ["tokens", (heads + 2 * kvHeads) * dim]);
  expectHeads(op, heads, kvHeads, dim);
  expectSameDevice(op, { qkv, keys, values, offsets, slots, lengths, cos: rotary?.cos, sin: rotary?.sin });
  if (rotary) expectRotaryTable(op, rotary, dim);
  if (!keys.isContiguous || !values.isContiguous) {
    throw new EngineError(op, "keys or values are strided", "A cache is changed in place: pass it whole.");
  }
  const sequences = expectOffsets(op, "offsets", offsets, tokens, "qkv");
  for (const [name, numbers] of [
    ["slots", slots],
    ["lengths", lengths],
  ] as const) {
    expectDtype(op, name, numbers, "int32");
    expectShape(op, name, numbers, [sequences]);
  }
  const own = slots.hostValues();
  if (own && new Set(own).size < sequences) {
    throw new EngineError(op, `slots ${own.join(", ")} name one twice`, "Give each sequence a slot of its own.");
  }
  if (!Number.isSafeInteger(left) || left < -1 || (left >= capacity && left >= 0)) {
    throw new EngineError(
      op,
      `left is ${left}, and the cache holds ${capacity} tokens of a sequence`,
      "A window sees its own key and `left` before it: make the capacity left + 1 at least; −1 means all keys.",
    );
  }
  return { rows: contiguous(qkv), dim, left };
}
