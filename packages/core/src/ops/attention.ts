import { EngineError, expectDtype, expectFloat, expectOffsets, expectSameDevice, expectShape } from "../errors.ts";
import { record } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Dropout on the probabilities. One draw per seed, step, site, sequence, head, query and key: order plays no part. */
export interface AttentionDropout {
  /** The share of probabilities that become zero, in [0, 1); the others are divided by `1 − rate`. */
  rate: number;
  seed: number;
  /** The optimizer step. */
  step: number;
  /** The number of this layer among all places of the model that draw, below 2^20. */
  site: number;
  /**
   * The sequences' numbers within the step, so that a split batch draws the same mask: `[sequences]` int32, or the
   * number of the first one.
   *
   * @default 0
   */
  sequences?: Tensor | number;
}

export interface AttentionMask {
  /**
   * A query sees no key after its own place.
   *
   * @default false
   */
  causal?: boolean;
  /**
   * How many keys before and after its own place a query sees; −1: all.
   *
   * @default [-1, -1]
   */
  window?: readonly [left: number, right: number];
  /**
   * Multiplies the scores.
   *
   * @default 1 / sqrt(head size)
   */
  scale?: number;
  dropout?: AttentionDropout;
}

export interface AttentionOptions extends AttentionMask {
  /** `[sequences + 1]` int32, where each sequence starts in `q`. */
  queryOffsets: Tensor;
  /** `[sequences + 1]` int32, where each sequence starts in `k` and `v`. */
  keyOffsets: Tensor;
}

/** The numbers that the kernels take after the offsets. */
export type MaskArguments = readonly [
  scale: number,
  causal: boolean,
  left: number,
  right: number,
  sequences: Tensor | null,
  firstSequence: number,
  rate: number,
  seed: number,
  step: number,
  site: number,
];

export function maskArguments(op: string, options: AttentionMask, dim: number, sequences: number): MaskArguments {
  const [left, right] = options.window ?? [-1, -1];
  if (!Number.isSafeInteger(left) || !Number.isSafeInteger(right) || left < -1 || right < -1) {
    throw new EngineError(op, `window is [${left}, ${right}]`, "Give two whole numbers of keys; −1 means all.");
  }
  const scale = options.scale ?? 1 / Math.sqrt(dim);
  const { dropout } = options;
  if (!dropout || dropout.rate === 0) return [scale, options.causal ?? false, left, right, null, 0, 0, 0, 0, 0];

  if (!(dropout.rate > 0 && dropout.rate < 1)) {
    throw new EngineError(op, `dropout.rate is ${dropout.rate}`, "Give a share in [0, 1).");
  }
  const { rate, seed, step, site, sequences: numbers = 0 } = dropout;
  for (const [name, value] of Object.entries({ seed, step, site })) {
    if (!Number.isSafeInteger(value)) {
      throw new EngineError(op, `dropout.${name} is ${value}`, "Give a whole number.");
    }
  }
  const tensor = numbers instanceof Tensor ? numbers : null;
  if (tensor) {
    expectDtype(op, "dropout.sequences", tensor, "int32");
    expectShape(op, "dropout.sequences", tensor, [sequences]);
  }
  const first = tensor ? 0 : (numbers as number);
  return [scale, options.causal ?? false, left, right, tensor, first, rate, seed, step, site];
}

export function expectHeads(op: string, heads: number, kvHeads: number, dim: number): void {
  if (!(kvHeads >= 1 && heads >= 1 && heads % kvHeads === 0)) {
    throw new EngineError(
      op,
      `${heads} query heads do not share ${kvHeads} key heads evenly`,
      "Make the number of query heads a multiple of the number of key heads.",
    );
  }
  if (!(dim >= 8 && dim <= 256 && dim % 8 === 0)) {
    throw new EngineError(op, `the head size is ${dim}`, "Use a multiple of 8 from 8 to 256.");
  }
}

/** Heads may lie any distance apart, but a head's channels are neighbours. */
function headsOf(x: Tensor): Tensor {
  return x.backend.capabilities.strided && x.strides[2] === 1 ? x : x.contiguous();
}

/**
 * Scaled dot-product attention over packed sequences, with apart queries and keys:
 *
 *     y[i] = Σ_j p[i,j] · v[j],   p[i] = softmax_j(scale · q[i]·k[j])
 *
 * Of a sequence with `n` queries and `m` keys, query `i` stands at place `p = i + m − n` among the keys, so the last
 * query stands at the last key, as with a cache. It sees the keys `p − left … p + right`, and none after `p` if causal.
 * A query that sees no key gives zeros and has no gradient.
 *
 * @param q `[queries, heads, dim]` float32 or bfloat16; `dim` a multiple of 8 up to 256. May be strided
 * @param k `[keys, kvHeads, dim]`, already rotated as `q` is; query head `h` reads key head `h / (heads / kvHeads)`
 * @param v `[keys, kvHeads, dim]`
 * @returns `[queries, heads, dim]`
 * @see https://arxiv.org/abs/2307.08691 for the order of work
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor {
  const { queryOffsets, keyOffsets } = options;
  expectFloat("attention", "q", q);
  const [queries, heads, dim] = expectShape("attention", "q", q, ["queries", "heads", "dim"]);
  const [keys, kvHeads] = expectShape("attention", "k", k, ["keys", "kvHeads", dim]);
  expectShape("attention", "v", v, [keys, kvHeads, dim]);
  expectDtype("attention", "k", k, q.dtype);
  expectDtype("attention", "v", v, q.dtype);
  expectHeads("attention", heads, kvHeads, dim);
  expectSameDevice("attention", { q, k, v, queryOffsets, keyOffsets });
  const sequences = expectOffsets("attention", "queryOffsets", queryOffsets, queries, "q");
  expectOffsets("attention", "keyOffsets", keyOffsets, keys, "k");
  expectShape("attention", "keyOffsets", keyOffsets, [sequences + 1]);
  const [scale, causal, left, right, numbers, ...draw] = maskArguments("attention", options, dim, sequences);

  const [q0, k0, v0] = [headsOf(q), headsOf(k), headsOf(v)];
  const y = Tensor.empty([queries, heads, dim], q);
  const lse = Tensor.empty([heads, queries], q, "float32");
  q.backend.attentionForward(
    y,
    lse,
    q0,
    k0,
    v0,
    queryOffsets,
    keyOffsets,
    scale,
    causal,
    left,
    right,
    numbers,
    ...draw,
  );
  return record(
    "attention",
    y,
    { inputs: [q, k, v], saved: [q0, k0, v0, y, lse, queryOffsets, keyOffsets, numbers] },
    (dy, [q, k, v, y, lse, queryOffsets, keyOffsets, numbers]) => {
      const dq = Tensor.empty([queries, heads, dim], dy);
      const dk = Tensor.empty([keys, kvHeads, dim], dy);
      const dv = Tensor.empty([keys, kvHeads, dim], dy);
      dy.backend.attentionBackward(
        dq,
        dk,
        dv,
        dy,
        q,
        k,
        v,
        y,
        lse,
        queryOffsets,
        keyOffsets,
        scale,
        causal,
        left,
        right,
        numbers,
        ...draw,
      );
      return [dq, dk, dv];
    },
  );
}
