import type { TensorView } from "../backend/contract.ts";
import { type Device, defaultDevice } from "../device.ts";
import { EngineError, expectDtype, expectShape } from "../errors.ts";
import { contiguous } from "../tensor/contiguous.ts";
import { DTYPE_BYTES, type ElementType } from "../tensor/dtype.ts";
import { contiguousStrides } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";

/**
 * How a corpus stores its vectors. "bits": the sign of each dimension, 8 to a byte, the first in the highest bit, 1
 * where the value is above 0 (Sentence Transformers' "ubinary").
 */
export type CorpusType = "float32" | "bfloat16" | "int8" | "bits";

export interface CorpusOptions {
  /** Numbers in a vector; with "bits" a multiple of 8. */
  dim: number;
  /** @default what the array holds: `Float32Array` float32, `Uint16Array` bfloat16, `Int8Array` int8, `Uint8Array` bits */
  type?: CorpusType;
  /** @default the default device */
  device?: Device;
}

const STORED_AS: Readonly<Record<CorpusType, ElementType>> = {
  float32: "float32",
  bfloat16: "bfloat16",
  int8: "int8",
  bits: "uint8",
};

const MAX_ROWS = 2 ** 31 - 1; // ids are int32

/** Corpora that were collected without `dispose()`. */
const forgotten = new FinalizationRegistry<Storage>((memory) => memory.release());

/** Vectors to search, one after the other in memory that is not copied: a typed array's, or a file's. */
export class Corpus {
  readonly rows: number;
  readonly dim: number;
  readonly type: CorpusType;
  readonly device: Device;
  readonly #view: TensorView;
  #memory: Storage | null;

  private constructor(
    storage: Storage,
    bytes: number,
    byteOffset: number,
    options: CorpusOptions & { type: CorpusType },
  ) {
    const { dim, type, device = defaultDevice() } = options;
    const dtype = STORED_AS[type];
    const rowBytes = type === "bits" ? dim / 8 : dim * DTYPE_BYTES[dtype];
    if (!Number.isInteger(rowBytes) || rowBytes < 1) {
      throw new EngineError("Corpus", `dim is ${dim}`, `Use a whole number above 0; of bits, a multiple of 8.`);
    }
    if (byteOffset % DTYPE_BYTES[dtype] !== 0 || byteOffset > bytes) {
      throw new EngineError(
        "Corpus",
        `byteOffset ${byteOffset} is not in the ${bytes} bytes, or no multiple of ${DTYPE_BYTES[dtype]}`,
        "Write the vectors at an aligned place.",
      );
    }
    this.rows = (bytes - byteOffset) / rowBytes;
    if (!Number.isInteger(this.rows) || this.rows > MAX_ROWS) {
      throw new EngineError(
        "Corpus",
        `${bytes - byteOffset} bytes are ${this.rows} vectors of ${dim} ${type}`,
        `Check dim and type; a corpus has at most ${MAX_ROWS} vectors.`,
      );
    }
    this.dim = dim;
    this.type = type;
    this.device = device;
    const shape = [this.rows, type === "bits" ? dim / 8 : dim];
    const offset = byteOffset / DTYPE_BYTES[dtype];
    this.#view = { storage, offset, dtype, shape, strides: contiguousStrides(shape) };
    this.#memory = storage.retain();
    forgotten.register(this, storage, this);
  }

  /** For kernels: `[rows, dim]`, of bits `[rows, dim / 8]`. No tensor: of int8 and bits there are none. */
  get view(): TensorView {
    if (this.#memory) return this.#view;
    throw new EngineError(
      "Corpus",
      `a corpus of ${this.rows} vectors was used after it was disposed`,
      "Search it before dispose().",
    );
  }

  /** Over an array, which stays as it is while the corpus is in use. */
  static from(data: Float32Array | Uint16Array | Int8Array | Uint8Array, options: CorpusOptions): Corpus {
    const { device = defaultDevice(), type = typeOf(data) } = options;
    if (type !== typeOf(data)) {
      throw new EngineError(
        "Corpus.from",
        `a ${data.constructor.name} does not hold ${type}`,
        `It holds ${typeOf(data)}.`,
      );
    }
    const storage = new Storage(device.backend.wrap(data), device.backend, data);
    return Corpus.over(storage, data.byteLength, 0, { ...options, device, type });
  }

  /** Over a file, which is mapped, not read. `byteOffset` skips a header. */
  static open(path: string, options: CorpusOptions & { type: CorpusType; byteOffset?: number }): Corpus {
    const { device = defaultDevice(), byteOffset = 0 } = options;
    const { storage, bytes } = device.backend.mapFile(path);
    return Corpus.over(new Storage(storage, device.backend), bytes, byteOffset, { ...options, device });
  }

  private static over(
    storage: Storage,
    bytes: number,
    byteOffset: number,
    options: CorpusOptions & { type: CorpusType },
  ): Corpus {
    storage.retain();
    try {
      return new Corpus(storage, bytes, byteOffset, options);
    } finally {
      storage.release(); // the corpus holds it now, or nobody
    }
  }

  /** Gives the memory up. Harmless when repeated. */
  dispose(): void {
    forgotten.unregister(this);
    this.#memory?.release();
    this.#memory = null;
  }
}

function typeOf(data: Float32Array | Uint16Array | Int8Array | Uint8Array): CorpusType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof Uint16Array) return "bfloat16";
  return data instanceof Int8Array ? "int8" : "bits";
}

/**
 * The `k` best rows of a corpus for each query, by looking at every row: by dot product, or for bits by the negated
 * number of bits that differ from the query's signs. Equal scores: the lower row first. Places past the corpus
 * (`k > rows`) have row −1 and score −∞; a score that is NaN is never returned. The corpus is read once for up to 256
 * queries. A score does not depend on the other queries.
 *
 * @param queries `[queries, dim]` float32
 * @returns `scores` `[queries, k]` float32, descending, and `rows` `[queries, k]` int32
 */
export function exactSearch(queries: Tensor, corpus: Corpus, k: number): { scores: Tensor; rows: Tensor } {
  expectDtype("exactSearch", "queries", queries, "float32");
  const [count] = expectShape("exactSearch", "queries", queries, ["queries", corpus.dim]);
  if (!Number.isSafeInteger(k) || k < 1) {
    throw new EngineError("exactSearch", `k is ${k}`, "Ask for 1 row or more.");
  }
  if (corpus.device !== queries.device) {
    throw new EngineError(
      "exactSearch",
      `queries are on ${queries.device.name}, but the corpus is on ${corpus.device.name}`,
      "Make both on one device.",
    );
  }
  const scores = Tensor.empty([count, k], queries);
  const rows = Tensor.empty([count, k], queries, "int32");
  queries.backend.exactTopK(scores, rows, contiguous(queries), corpus.view);
  scores.madeBy = rows.madeBy = "exactSearch";
  return { scores, rows };
}

/** Rows of a corpus by number, `[R]` int32, in that order: the bytes as they are stored. */
export function readRows(corpus: Corpus, rows: Tensor): Promise<ArrayBuffer> {
  const { device, view } = corpus;
  const [count] = expectShape("readRows", "rows", rows, ["rows"]);
  const shape = [count, view.shape[1]!];
  const bytes = count * view.shape[1]! * DTYPE_BYTES[view.dtype];
  const storage = new Storage(device.backend.allocate(bytes), device.backend).retain();
  try {
    const found: TensorView = { storage, offset: 0, dtype: view.dtype, shape, strides: contiguousStrides(shape) };
    device.backend.gather(found, view, rows);
    return device.backend.download(storage.id, 0, bytes);
  } finally {
    storage.release();
  }
}
