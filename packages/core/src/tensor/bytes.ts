import type { Bytes } from "../backend/contract.ts";
import { type DType, fromBfloat16, toBfloat16 } from "./dtype.ts";

/** What `Tensor.data()` gives: a `Float32Array` for float32 and bfloat16, an `Int32Array` for int32. */
export type TypedArray = Float32Array | Int32Array;

/** Numbers as the device holds them. */
export function encode(values: ArrayLike<number>, dtype: DType): Bytes {
  switch (dtype) {
    case "float32":
      return values instanceof Float32Array ? values : Float32Array.from(values);
    case "int32":
      return values instanceof Int32Array ? values : Int32Array.from(values);
    case "bfloat16":
      return Uint16Array.from(values, toBfloat16);
  }
}

/** A device's bytes as numbers. */
export function decode(bytes: ArrayBuffer, dtype: DType): TypedArray {
  switch (dtype) {
    case "float32":
      return new Float32Array(bytes);
    case "int32":
      return new Int32Array(bytes);
    case "bfloat16":
      return Float32Array.from(new Uint16Array(bytes), fromBfloat16);
  }
}
