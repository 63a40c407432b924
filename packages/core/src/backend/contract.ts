/**
 * What the rest of core asks of a device, and all that it may know of one. Three implementations are meant: native CPU
 * (`native.ts`), native CUDA (`cuda.ts`), TensorFlow.js.
 *
 * A kernel method fills its outputs whole, returns nothing and never waits; an output is never a view into a larger
 * storage. Calls run in the order in which they were made. A kernel that fails marks its outputs; whoever reads a marked
 * storage is skipped and passes the mark on, and `download` of it rejects. The methods that change a storage in place
 * are few: optimizer steps, `copyInto`, the cache of keys and values, and the gradients that take `accumulate`. A backend without mutable memory puts
 * a new array behind the storage's number.
 *
 * The kernels mirror `native/kernels.h`, in its order; shapes, dtypes and the meaning of letters (T, B, C …) are there.
 */
import type { ElementType } from "../tensor/dtype.ts";

/** A storage's number on its backend. */
export type StorageId = number;

/** What a kernel sees of a tensor. Strides and `offset` count elements. */
export interface TensorView {
  /** `version` counts writes in place: the backend adds one for each argument that a kernel changes. */
  readonly storage: { readonly id: StorageId; version: number };
  readonly offset: number;
  readonly dtype: ElementType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Memory of one device of this JavaScript environment, in bytes. */
export interface MemoryStats {
  /** Live storages, weights that live packed among them. A property of the program, not of timing. */
  readonly current: number;
  /** The most that `current` has been. */
  readonly peak: number;
  /** Held from the system for storages, live or waiting to be used again. */
  readonly reserved: number;
  /** The device's own working memory. */
  readonly scratch: number;
  readonly scratchPeak: number;
  /** Packed copies of weights, kept between products beside the weights. */
  readonly packed: number;
  /** What `current`, `scratch` and `packed` may reach together. */
  readonly limit: number;
}

/** Anything with bytes. */
export type Bytes = Float32Array | Int32Array | Uint16Array | Int8Array | Uint8Array;

export interface Capabilities {
  /** Whether kernels that say "strided" take any strides. Where false, ops copy such inputs first. */
  readonly strided: boolean;
  /** Whether products of bfloat16 have instructions of their own; where not, they run in float32. */
  readonly bfloat16Products: boolean;
  /** Whether kernels read the host's memory: where not, `wrap` and `mapFile` copy all of it to the device. */
  readonly hostMemory: boolean;
}

export interface Backend extends Kernels {
  /** For messages: "cpu (avx2, 2 threads)". */
  readonly name: string;
  readonly capabilities: Capabilities;

  /** Takes memory, uninitialised. Throws an `EngineError` when there is not enough. */
  allocate(bytes: number): StorageId;
  /** Gives storages back at once; kernels already queued may still use the memory, later ones may be handed it. */
  release(storages: readonly StorageId[]): void;
  /** Copies `data` at the call; the device sees it in order. */
  upload(storage: StorageId, byteOffset: number, data: Bytes): void;
  /** Enqueues a copy at the call; resolves with it, or rejects with the first failed op's message. */
  download(storage: StorageId, byteOffset: number, bytes: number): Promise<ArrayBuffer>;
  /** Resolves when everything queued so far has run. */
  synchronize(): Promise<void>;
  /** A storage over memory that JavaScript owns and keeps unchanged, or a copy of it; freed with `release`. */
  wrap(data: Bytes): StorageId;
  /** A storage over a file, read only, or a copy of it. Throws an `EngineError` that names the file. */
  mapFile(path: string): { storage: StorageId; bytes: number };
  /**
   * Says that a storage is a parameter: packed copies of it may be kept until it is written, and where only products
   * read it, a packed form may take its place in memory. Nobody can tell, but for `memoryStats`.
   */
  setWeight(storage: StorageId): void;
  memoryStats(): MemoryStats;
  /** Kernels that can be queued again as one. Absent: this backend has none. */
  readonly graphs?: Graphs;
  /** Waits for what is queued and frees everything. */
  close(): void;
}

/** A graph's number on its device. */
export type GraphId = number;

/**
 * Kernel calls that are kept together with the storages that they touch, to be queued again as one: the same kernels
 * with the same shapes on the same memory, whose contents may be others.
 */
export interface Graphs {
  /** Keeps the kernels that are queued from here on; none of them runs before `end`. */
  begin(): void;
  /**
   * Queues what was kept.
   *
   * @param keep false: it is not wanted
   * @returns null where there is no graph, because the kernels had to be queued one by one: something between the two
   *     read a result, or wrote what an earlier kernel touches
   */
  end(keep: boolean): GraphId | null;
  /** Queues the kernels again. False: something that they touch lies elsewhere by now; capture anew. */
  run(graph: GraphId): boolean;
  /** Lets go of it. Storages that were released meanwhile go back to the device. */
  drop(graph: GraphId): void;
}

export interface Kernels {
  // filling, copying, casting: float32, bfloat16, int32
  fill(y: TensorView, value: number): void;
  arange(y: TensorView, start: number, step: number): void;
  // float32, bfloat16: within ±bound·std, beyond which the distribution has the mass `outside` on each side
  randomNormal(y: TensorView, std: number, outside: number, bound: number, seed: number, stream: number): void;
  copy(y: TensorView, x: TensorView): void; // strided x (also stride 0); casts
  copyInto(y: TensorView, x: TensorView, axis: number, start: number): void; // y[.., start+i, ..] = x[.., i, ..], x strided

  // elementwise, strided inputs already expanded to y's shape (stride 0 where broadcast)
  add(y: TensorView, a: TensorView, b: TensorView): void;
  sub(y: TensorView, a: TensorView, b: TensorView): void;
  mul(y: TensorView, a: TensorView, b: TensorView): void;
  div(y: TensorView, a: TensorView, b: TensorView): void;
  greater(y: TensorView, a: TensorView, b: TensorView): void; // y int32: 1 where a > b
  equal(y: TensorView, a: TensorView, b: TensorView): void; // y int32
  where(y: TensorView, condition: TensorView, a: TensorView, b: TensorView): void; // condition int32: a where not 0, else b
  affine(y: TensorView, x: TensorView, scale: number, shift: number): void; // scale * x + shift

  // activations, contiguous
  geluForward(y: TensorView, x: TensorView): void;
  geluBackward(dx: TensorView, dy: TensorView, x: TensorView): void;
  geluTanhForward(y: TensorView, x: TensorView): void;
  geluTanhBackward(dx: TensorView, dy: TensorView, x: TensorView): void;
  siluForward(y: TensorView, x: TensorView): void;
  siluBackward(dx: TensorView, dy: TensorView, x: TensorView): void;
  reluForward(y: TensorView, x: TensorView): void;
  reluBackward(dx: TensorView, dy: TensorView, x: TensorView): void;
  sigmoidForward(y: TensorView, x: TensorView): void;
  sigmoidBackward(dx: TensorView, dy: TensorView, y: TensorView): void;
  tanhForward(y: TensorView, x: TensorView): void;
  tanhBackward(dx: TensorView, dy: TensorView, y: TensorView): void;
  expForward(y: TensorView, x: TensorView): void;
  expBackward(dx: TensorView, dy: TensorView, y: TensorView): void;
  logForward(y: TensorView, x: TensorView): void;
  logBackward(dx: TensorView, dy: TensorView, x: TensorView): void;
  log1pForward(y: TensorView, x: TensorView): void;
  log1pBackward(dx: TensorView, dy: TensorView, x: TensorView): void;
  sqrtForward(y: TensorView, x: TensorView): void;
  sqrtBackward(dx: TensorView, dy: TensorView, y: TensorView): void;
  softplusForward(y: TensorView, x: TensorView): void;
  softplusBackward(dx: TensorView, dy: TensorView, x: TensorView): void;
  gegluForward(y: TensorView, x: TensorView): void; // x [T,2C]: y = gelu(x[:, :C]) * x[:, C:]
  gegluBackward(dx: TensorView, dy: TensorView, x: TensorView): void;
  swigluForward(y: TensorView, x: TensorView): void; // x [T,2C]: y = silu(x[:, :C]) * x[:, C:]
  swigluBackward(dx: TensorView, dy: TensorView, x: TensorView): void;

  // one draw per (seed, step, site, sequence number, position, channel); backward is the same call on dy
  dropout(
    y: TensorView,
    x: TensorView,
    offsets: TensorView | null,
    sequences: TensorView | null,
    firstSequence: number,
    rate: number,
    seed: number,
    step: number,
    site: number,
  ): void;

  // reductions over an axis
  sum(y: TensorView, x: TensorView, axis: number): void;
  mean(y: TensorView, x: TensorView, axis: number): void;
  maxForward(y: TensorView, indices: TensorView, x: TensorView, axis: number): void; // the first of equals
  maxBackward(dx: TensorView, dy: TensorView, indices: TensorView, axis: number): void;
  logsumexpForward(y: TensorView, x: TensorView, axis: number): void;
  logsumexpBackward(dx: TensorView, dy: TensorView, x: TensorView, y: TensorView, axis: number): void;
  softmaxForward(y: TensorView, x: TensorView, axis: number): void;
  softmaxBackward(dx: TensorView, dy: TensorView, y: TensorView, axis: number): void;
  logSoftmaxForward(y: TensorView, x: TensorView, axis: number): void;
  logSoftmaxBackward(dx: TensorView, dy: TensorView, y: TensorView, axis: number): void;
  topK(values: TensorView, indices: TensorView, x: TensorView, k: number): void; // last axis, descending, lower index first

  // pooling over packed sequences: x [T,C], y [B,C]; sequence b pools rows starts[b] (else offsets[b]) on
  segmentMeanForward(y: TensorView, x: TensorView, offsets: TensorView, starts: TensorView | null): void;
  segmentMeanBackward(dx: TensorView, dy: TensorView, offsets: TensorView, starts: TensorView | null): void;
  segmentWeightedMeanForward(y: TensorView, x: TensorView, offsets: TensorView): void; // weights 1, 2, 3 …
  segmentWeightedMeanBackward(dx: TensorView, dy: TensorView, offsets: TensorView): void;
  segmentMaxForward(
    y: TensorView,
    rows: TensorView,
    x: TensorView,
    offsets: TensorView,
    starts: TensorView | null,
  ): void; // rows: -1 if empty
  segmentMaxBackward(dx: TensorView, dy: TensorView, rows: TensorView): void;
  segmentFirstForward(y: TensorView, x: TensorView, offsets: TensorView): void;
  segmentFirstBackward(dx: TensorView, dy: TensorView, offsets: TensorView): void;
  segmentLastForward(y: TensorView, x: TensorView, offsets: TensorView): void;
  segmentLastBackward(dx: TensorView, dy: TensorView, offsets: TensorView): void;

  // rows by number
  gather(y: TensorView, x: TensorView, rows: TensorView): void; // y[i] = x[rows[i]], first axis
  scatterAdd(y: TensorView, x: TensorView, rows: TensorView): void; // y = 0; y[rows[i]] += x[i], in the order of i
  takeAlong(y: TensorView, x: TensorView, indices: TensorView): void; // last axis: y[n,j] = x[n, indices[n,j]]
  putAlong(y: TensorView, x: TensorView, indices: TensorView): void; // y = 0; y[n, indices[n,j]] += x[n,j]
  embeddingForward(y: TensorView, w: TensorView, ids: TensorView): void; // w [V,C] float32 or bfloat16; y of either dtype
  embeddingBackward(dw: TensorView, dy: TensorView, ids: TensorView, accumulate: boolean): void;

  // norms: x [T,C]; s = x + residual where there is one, written to `sum`
  layerNormForward(
    y: TensorView,
    sum: TensorView | null,
    mean: TensorView,
    rstd: TensorView,
    x: TensorView,
    residual: TensorView | null,
    weight: TensorView | null,
    bias: TensorView | null,
    eps: number,
  ): void;
  layerNormBackward(
    dx: TensorView,
    dweight: TensorView | null,
    dbias: TensorView | null,
    dy: TensorView,
    dsum: TensorView | null,
    s: TensorView,
    mean: TensorView,
    rstd: TensorView,
    weight: TensorView | null,
    accumulate: boolean,
  ): void;
  rmsNormForward(
    y: TensorView,
    sum: TensorView | null,
    rstd: TensorView,
    x: TensorView,
    residual: TensorView | null,
    weight: TensorView | null,
    eps: number,
  ): void;
  rmsNormBackward(
    dx: TensorView,
    dweight: TensorView | null,
    dy: TensorView,
    dsum: TensorView | null,
    s: TensorView,
    rstd: TensorView,
    weight: TensorView | null,
    accumulate: boolean,
  ): void;
  l2NormalizeForward(y: TensorView, norm: TensorView, x: TensorView, eps: number): void; // last axis; x / max(norm, eps)
  l2NormalizeBackward(dx: TensorView, dy: TensorView, y: TensorView, norm: TensorView, eps: number): void;

  // products
  linearForward(y: TensorView, x: TensorView, w: TensorView, bias: TensorView | null): void; // y [T,N] = x [T,K] · w [N,K]ᵀ + bias [N]
  linearBackwardInput(dx: TensorView, dy: TensorView, w: TensorView): void;
  linearBackwardWeight(dw: TensorView, dy: TensorView, x: TensorView, accumulate: boolean): void; // dw [N,K] float32
  linearBackwardBias(db: TensorView, dy: TensorView, accumulate: boolean): void;
  matmul(y: TensorView, a: TensorView, b: TensorView): void; // [..,M,K] · [..,K,N]; strided a and b, batch stride 0 allowed
  // y [2] float32: operations done by `threads` at once, of bfloat16 pairs or float32 (0: no instruction); a rest
  multiplyAddPeak(y: TensorView, pairs: boolean, threads: number, steps: number): void;
  copyBandwidth(y: TensorView, x: TensorView, pastCaches: boolean): void; // float32; pastCaches: by streaming stores
  readBandwidth(y: TensorView, x: TensorView): void; // y[0] is the sum of x, float32

  // attention: q [Tq,Hq,D], k v [Tk,Hkv,D], strided in T and H; lse [Hq,Tq]; key j is seen by query i of a sequence
  // with nq queries and nk keys when p = i + nk - nq satisfies p - left <= j <= p + right (-1: no bound), and j <= p
  // if causal. qkv [T,(Hq+2Hkv)D]; cos and sin [P,D/2] float32 rotate q and k, position 0 at each sequence's start
  attentionForward(
    y: TensorView,
    lse: TensorView,
    q: TensorView,
    k: TensorView,
    v: TensorView,
    queryOffsets: TensorView,
    keyOffsets: TensorView,
    scale: number,
    causal: boolean,
    left: number,
    right: number,
    sequences: TensorView | null,
    firstSequence: number,
    rate: number,
    seed: number,
    step: number,
    site: number,
  ): void;
  attentionBackward(
    dq: TensorView,
    dk: TensorView,
    dv: TensorView,
    dy: TensorView,
    q: TensorView,
    k: TensorView,
    v: TensorView,
    y: TensorView,
    lse: TensorView,
    queryOffsets: TensorView,
    keyOffsets: TensorView,
    scale: number,
    causal: boolean,
    left: number,
    right: number,
    sequences: TensorView | null,
    firstSequence: number,
    rate: number,
    seed: number,
    step: number,
    site: number,
  ): void;
  selfAttentionForward(
    y: TensorView,
    lse: TensorView,
    qkv: TensorView,
    cos: TensorView | null,
    sin: TensorView | null,
    offsets: TensorView,
    heads: number,
    kvHeads: number,
    scale: number,
    causal: boolean,
    left: number,
    right: number,
    sequences: TensorView | null,
    firstSequence: number,
    rate: number,
    seed: number,
    step: number,
    site: number,
  ): void;
  selfAttentionBackward(
    dqkv: TensorView,
    dy: TensorView,
    qkv: TensorView,
    y: TensorView,
    lse: TensorView,
    cos: TensorView | null,
    sin: TensorView | null,
    offsets: TensorView,
    heads: number,
    kvHeads: number,
    scale: number,
    causal: boolean,
    left: number,
    right: number,
    sequences: TensorView | null,
    firstSequence: number,
    rate: number,
    seed: number,
    step: number,
    site: number,
  ): void;
  rotary(
    y: TensorView,
    x: TensorView,
    cos: TensorView,
    sin: TensorView,
    offsets: TensorView,
    starts: TensorView | null,
    inverse: boolean,
  ): void;
  // keys, values [S,Hkv,C,D]: sequence b's lie in slots[b], lengths[b] of them so far; its new tokens are causal
  appendToCache(
    keys: TensorView,
    values: TensorView,
    qkv: TensorView,
    cos: TensorView | null,
    sin: TensorView | null,
    offsets: TensorView,
    slots: TensorView,
    lengths: TensorView,
    heads: number,
    left: number,
  ): void;
  cachedAttention(
    y: TensorView,
    keys: TensorView,
    values: TensorView,
    qkv: TensorView,
    cos: TensorView | null,
    sin: TensorView | null,
    offsets: TensorView,
    slots: TensorView,
    lengths: TensorView,
    heads: number,
    scale: number,
    left: number,
  ): void;

  // losses and heads, fused where memory goes
  crossEntropyForward(
    loss: TensorView,
    lse: TensorView,
    scores: TensorView,
    targets: TensorView,
    labelSmoothing: number,
  ): void;
  crossEntropyBackward(
    dscores: TensorView,
    dloss: TensorView,
    scores: TensorView,
    lse: TensorView,
    targets: TensorView,
    labelSmoothing: number,
  ): void;
  linearCrossEntropyForward(
    loss: TensorView,
    lse: TensorView,
    x: TensorView,
    w: TensorView,
    bias: TensorView | null,
    targets: TensorView,
  ): void;
  linearCrossEntropyBackward(
    dx: TensorView | null,
    dw: TensorView | null,
    dbias: TensorView | null,
    dloss: TensorView,
    x: TensorView,
    w: TensorView,
    bias: TensorView | null,
    lse: TensorView,
    targets: TensorView,
    accumulateWeight: boolean,
    accumulateBias: boolean,
  ): void;
  linearCrossEntropyGradients(
    loss: TensorView,
    dx: TensorView | null,
    dw: TensorView | null,
    dbias: TensorView | null,
    x: TensorView,
    w: TensorView,
    bias: TensorView | null,
    targets: TensorView,
    scale: number,
  ): void; // the loss, and its gradient times `scale`, in one go
  scaleInPlace(y: TensorView, scale: TensorView): void; // y *= scale[]; nothing to do where scale is 1
  addScaled(y: TensorView, x: TensorView, scale: TensorView): void; // y += scale[] * x
  spladePoolForward(
    y: TensorView,
    rows: TensorView,
    x: TensorView,
    w: TensorView,
    bias: TensorView | null,
    offsets: TensorView,
    logTwice: boolean,
  ): void;
  spladePoolBackward(
    dx: TensorView | null,
    dw: TensorView | null,
    dbias: TensorView | null,
    dy: TensorView,
    y: TensorView,
    rows: TensorView,
    x: TensorView,
    w: TensorView,
    offsets: TensorView,
    logTwice: boolean,
    accumulateWeight: boolean,
    accumulateBias: boolean,
  ): void;
  maxSimForward(
    scores: TensorView,
    rows: TensorView,
    q: TensorView,
    d: TensorView,
    queryOffsets: TensorView,
    documentOffsets: TensorView,
    pairs: TensorView | null,
  ): void;
  maxSimBackward(
    dq: TensorView | null,
    dd: TensorView | null,
    dscores: TensorView,
    rows: TensorView,
    q: TensorView,
    d: TensorView,
    queryOffsets: TensorView,
    documentOffsets: TensorView,
    pairs: TensorView | null,
  ): void;

  // optimizer: one pass over all parameters; a norm that is not finite changes nothing
  globalNorm(norm: TensorView, gradients: readonly TensorView[]): void;
  adamwStep(
    parameters: readonly TensorView[],
    first: readonly TensorView[],
    second: readonly TensorView[],
    gradients: readonly TensorView[],
    norm: TensorView | null,
    maxNorm: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    eps: number,
    weightDecay: number,
    step: number,
  ): void;
  stableAdamwStep(
    parameters: readonly TensorView[],
    first: readonly TensorView[],
    second: readonly TensorView[],
    gradients: readonly TensorView[],
    norm: TensorView | null,
    maxNorm: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    eps: number,
    weightDecay: number,
    step: number,
  ): void;

  // exact search: queries [Q,D] float32 against a corpus of float32, bfloat16, int8 or packed bits
  exactTopK(scores: TensorView, ids: TensorView, queries: TensorView, corpus: TensorView): void;
}
