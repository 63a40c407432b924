import { EngineError } from "../errors.ts";
import type { CachedAttentionOptions } from "../nn/attention-cache.ts";
import { attention } from "../ops/attention.ts";
import { appendToCache, cachedAttention } from "../ops/cached-attention.ts";
import { gather } from "../ops/gather.ts";
import { rotary } from "../ops/rotary.ts";
import { selfAttention } from "../ops/self-attention.ts";
import { DTYPE_BYTES } from "../tensor/dtype.ts";
import { isRecording } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** The tokens that a forward pass adds, as its layers see them. */
export interface NewTokens {
  readonly offsets: Tensor;
  readonly starts: Int32Array;
  /** `[sequences]` int32, on the device and here: places in the storages, ascending. */
  readonly slots: Tensor;
  readonly places: Int32Array;
  /** `[sequences]` int32, on the device and here: tokens held so far. */
  readonly lengths: Tensor;
  readonly counts: Int32Array;
  /** The most new tokens of a sequence. */
  readonly most: number;
  /** Tokens of the longest sequence, the new ones included. */
  readonly longest: number;
  /** Nothing is held yet. */
  readonly empty: boolean;
}

/** Up to here new tokens go one after the other through the cache; more are worth a pass of tiles. */
const FEW = 8;
const LEAST_CAPACITY = 64;

/** The keys and values of one layer: `[places, kvHeads, capacity, dim]` each. */
export class LayerCache {
  private readonly kvHeads: number;
  private readonly dim: number;
  private readonly left: number;
  private keys: Tensor;
  private values: Tensor;
  /** The rotary table of the last call that the op has checked. */
  private checked: CachedAttentionOptions["rotary"] | null = null;

  /** @param capacity tokens that are expected; a window needs no more than itself */
  constructor(qkv: Tensor, options: CachedAttentionOptions, places: number, capacity: number) {
    const { heads, kvHeads, window } = options;
    const [left, right] = window ?? [-1, -1];
    if (window && right > 0) {
      throw new EngineError(
        "KeyValueCache",
        `a layer's window is [${left}, ${right}]`,
        "A cache is for decoders, whose queries see no later key: give [left, 0].",
      );
    }
    this.kvHeads = kvHeads;
    this.dim = qkv.shape[1]! / (heads + 2 * kvHeads);
    this.left = left;
    const rows = left >= 0 ? left + 1 : Math.max(LEAST_CAPACITY, capacity);
    this.keys = storage(qkv, [places, kvHeads, rows, this.dim]);
    this.values = storage(qkv, this.keys.shape);
  }

  get bytes(): number {
    return 2 * this.keys.size * DTYPE_BYTES[this.keys.dtype];
  }

  /** Tokens of a sequence up to which single ones read and write the same memory; 0 before there was one. */
  get room(): number {
    if (this.checked === null) return 0;
    return Math.min(
      this.left < 0 ? this.keys.shape[2]! : Number.POSITIVE_INFINITY,
      this.checked?.cos.shape[0] ?? Number.POSITIVE_INFINITY,
    );
  }

  attend(qkv: Tensor, options: CachedAttentionOptions, tokens: NewTokens): Tensor {
    if (tokens.most === 1 && this.checked === options.rotary && this.fits(qkv, options, tokens)) {
      return this.attendOne(qkv, options, tokens);
    }
    const { heads, kvHeads, rotary, scale } = options;
    const { left } = this;
    if (qkv.dtype !== this.keys.dtype || kvHeads !== this.kvHeads) {
      throw new EngineError(
        "KeyValueCache",
        `the cache was made for ${this.kvHeads} ${this.keys.dtype} key heads, and gets ${kvHeads} of ${qkv.dtype}`,
        "Use one cache for one model and one dtype.",
      );
    }
    if (left < 0) this.grow(tokens.longest);
    const { keys, values } = this;
    const { offsets, slots, lengths } = tokens;
    const place = { keys, values, offsets, slots, lengths, heads, rotary, left };
    if (tokens.empty && tokens.most > 1) {
      appendToCache(qkv, place);
      return selfAttention(qkv, {
        ...{ offsets, heads, kvHeads, causal: true, window: [left, -1] },
        ...(rotary && { rotary }),
        ...(scale !== undefined && { scale }),
      });
    }
    if (left >= 0 || tokens.most <= FEW) {
      const y = cachedAttention(qkv, { ...place, scale });
      this.checked = rotary;
      return y;
    }
    appendToCache(qkv, place);
    return this.attendMany(qkv, options, tokens);
  }

  /** Whether all is as it was when the op checked it. */
  private fits(qkv: Tensor, { heads, kvHeads }: CachedAttentionOptions, { longest }: NewTokens): boolean {
    const { keys } = this;
    return (
      (this.left >= 0 || longest <= keys.shape[2]!) &&
      qkv.dtype === keys.dtype &&
      kvHeads === this.kvHeads &&
      qkv.isContiguous &&
      qkv.shape.length === 2 &&
      qkv.shape[1] === (heads + 2 * kvHeads) * this.dim &&
      !isRecording()
    );
  }

  /** `cachedAttention` without its checks: the same call once more for each token and layer. */
  private attendOne(qkv: Tensor, options: CachedAttentionOptions, { offsets, slots, lengths }: NewTokens): Tensor {
    const { heads, rotary, scale = 1 / Math.sqrt(this.dim) } = options;
    const { keys, values, left } = this;
    const [cos, sin] = [rotary?.cos ?? null, rotary?.sin ?? null];
    const y = Tensor.empty([qkv.shape[0]!, heads * this.dim], qkv);
    y.backend.cachedAttention(y, keys, values, qkv, cos, sin, offsets, slots, lengths, heads, scale, left);
    y.madeBy = "cachedAttention";
    return y;
  }

  /** Many new tokens behind others: what was written is read as sequences with gaps between them that nobody asks. */
  private attendMany(qkv: Tensor, options: CachedAttentionOptions, tokens: NewTokens): Tensor {
    const { heads, rotary: table, scale } = options;
    const { kvHeads, dim } = this;
    const capacity = this.keys.shape[2]!;
    const { starts, places, counts } = tokens;
    const [queryOffsets, keyOffsets] = [[0], [0]];
    for (let b = 0; b < counts.length; b++) {
      const begin = places[b]! * kvHeads * capacity;
      queryOffsets.push(starts[b]!, starts[b + 1]!);
      keyOffsets.push(begin, begin + counts[b]! + starts[b + 1]! - starts[b]!);
    }
    const on = { device: qkv.device };
    // Heads of one sequence lie `capacity` rows apart, so row r of head h is r + h · capacity.
    const view = (x: Tensor) => x.viewAs([keyOffsets.at(-1)!, kvHeads, dim], [dim, capacity * dim, 1]);
    const q = qkv.viewAs([qkv.shape[0]!, heads, dim], [qkv.strides[0]!, dim, 1]);
    const y = attention(
      table ? rotary(q, table, tokens.offsets, { starts: tokens.lengths }) : q,
      view(this.keys),
      view(this.values),
      {
        queryOffsets: Tensor.from(Int32Array.from(queryOffsets), on),
        keyOffsets: Tensor.from(Int32Array.from(keyOffsets), on),
        causal: true,
        ...(scale !== undefined && { scale }),
      },
    );
    return y.viewAs([qkv.shape[0]!, heads * dim]);
  }

  private grow(needed: number): void {
    const [places, , capacity] = this.keys.shape as [number, number, number, number];
    if (needed <= capacity) return;
    const shape = [places, this.kvHeads, Math.max(needed, 2 * capacity), this.dim];
    this.keys = this.replace(this.keys, shape);
    this.values = this.replace(this.values, shape);
  }

  private replace(old: Tensor, shape: readonly number[]): Tensor {
    const larger = storage(old, shape);
    larger.backend.copyInto(larger, old, 2, 0);
    old.dispose();
    return larger;
  }

  /** Place `i` gets what is in place `from[i]`. */
  copyPlaces(from: Int32Array): void {
    const rows = Tensor.from(from, { device: this.keys.device });
    for (const name of ["keys", "values"] as const) {
      const old = this[name];
      this[name] = gather(old, rows);
      this[name].adopt(undefined);
      old.dispose();
    }
    rows.dispose();
  }

  dispose(): void {
    this.keys.dispose();
    this.values.dispose();
  }
}

/** Memory that outlives the scope it is made in. */
function storage(like: Tensor, shape: readonly number[]): Tensor {
  const made = Tensor.empty(shape, like);
  made.madeBy = "KeyValueCache";
  made.adopt(undefined);
  return made;
}
