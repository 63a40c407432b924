import { fromBfloat16, toBfloat16 } from "../tensor/dtype.ts";
import type { CorpusType } from "./exact.ts";
import type { StoredArray } from "./vector-blocks.ts";

/** How an exact index stores its vectors. */
export type VectorStorage = "float32" | "bfloat16" | "int8" | "binary";

/** Per dimension, the least and the greatest number that int8 tells apart. */
export interface VectorRanges {
  readonly min: readonly number[];
  readonly max: readonly number[];
}

/** Turns float32 rows into rows in fewer bits, and back. */
export interface RowCodec {
  readonly type: CorpusType;
  encode(rows: Float32Array): StoredArray;
  /** What is left of the rows: as near to them as the bits allow. */
  decode(rows: StoredArray): Float32Array;
  /** A query whose dot product with stored rows ranks them as their decoded ones. */
  query(queries: Float32Array): Float32Array;
}

/** The numbers that are found, per dimension. */
export function rangesOf(rows: Float32Array, dim: number): VectorRanges {
  const min = new Float32Array(dim).fill(Number.POSITIVE_INFINITY);
  const max = new Float32Array(dim).fill(Number.NEGATIVE_INFINITY);
  for (let at = 0; at < rows.length; at += dim) {
    for (let d = 0; d < dim; d++) {
      const value = rows[at + d]!;
      if (value < min[d]!) min[d] = value;
      if (value > max[d]!) max[d] = value;
    }
  }
  return { min: Array.from(min), max: Array.from(max) };
}

export function rowCodec(storage: "bfloat16" | "int8" | "binary", dim: number, ranges: VectorRanges | null): RowCodec {
  if (storage === "bfloat16") return halves;
  return storage === "int8" ? bytesCodec(dim, ranges!) : signsCodec(dim);
}

const halves: RowCodec = {
  type: "bfloat16",
  encode(rows) {
    const out = new Uint16Array(rows.length);
    for (let i = 0; i < out.length; i++) out[i] = toBfloat16(rows[i]!);
    return out;
  },
  decode(rows) {
    const out = new Float32Array(rows.length);
    for (let i = 0; i < out.length; i++) out[i] = fromBfloat16(rows[i]!);
    return out;
  },
  query: (queries) => queries,
};

/** 256 steps from min to max per dimension, as Sentence Transformers' int8: floor((x − min) / step) − 128, clipped. */
function bytesCodec(dim: number, { min, max }: VectorRanges): RowCodec {
  const low = Float64Array.from(min);
  const step = Float64Array.from(max, (high, d) => (high - low[d]!) / 255 || 1);
  return {
    type: "int8",
    encode(rows) {
      const out = new Int8Array(rows.length);
      for (let at = 0; at < rows.length; at += dim) {
        for (let d = 0; d < dim; d++) {
          const code = Math.floor((rows[at + d]! - low[d]!) / step[d]!);
          out[at + d] = Math.min(255, Math.max(0, code)) - 128;
        }
      }
      return out;
    },
    decode(rows) {
      const out = new Float32Array(rows.length);
      for (let at = 0; at < rows.length; at += dim) {
        for (let d = 0; d < dim; d++) out[at + d] = low[d]! + (rows[at + d]! + 128.5) * step[d]!; // a step's middle
      }
      return out;
    },
    query(queries) {
      const out = new Float32Array(queries.length);
      for (let at = 0; at < queries.length; at += dim) {
        for (let d = 0; d < dim; d++) out[at + d] = queries[at + d]! * step[d]!;
      }
      return out;
    },
  };
}

/** Signs, 8 to a byte, the first in the highest bit: Sentence Transformers' ubinary. Decoded to ±1 / √dim. */
function signsCodec(dim: number): RowCodec {
  const bytes = dim / 8;
  return {
    type: "bits",
    encode(rows) {
      const out = new Uint8Array(rows.length / 8);
      for (let byte = 0; byte < out.length; byte++) {
        let bits = 0;
        for (let i = byte * 8; i < byte * 8 + 8; i++) bits = (bits << 1) | (rows[i]! > 0 ? 1 : 0);
        out[byte] = bits;
      }
      return out;
    },
    decode(rows) {
      const out = new Float32Array((rows.length / bytes) * dim);
      const one = 1 / Math.sqrt(dim);
      for (let i = 0; i < out.length; i++) out[i] = (rows[i >> 3]! >> (7 - (i & 7))) & 1 ? one : -one;
      return out;
    },
    query: (queries) => queries,
  };
}
