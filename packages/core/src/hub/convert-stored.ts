import { EngineError } from "../errors.ts";
import { quoted, type StoredDType, type StoredTensor } from "./stored-tensor.ts";

/** Element types that JavaScript turns into float32 for the device. */
export const TO_FLOAT: ReadonlySet<StoredDType> = new Set(["F16", "F64"]);
/** Element types that JavaScript turns into int32 for the device. */
export const TO_INT: ReadonlySet<StoredDType> = new Set(["BOOL", "U8", "I8", "I16", "U16", "U32", "I64", "U64"]);

/**
 * Elements of a file as the device's numbers: `Float32Array` of F16, BF16, F32 and F64, `Int32Array` of integers.
 *
 * @param bytes whole elements, little-endian, at any alignment
 * @throws EngineError when an integer does not fit in 32 bits
 */
export function convertStored(bytes: Uint8Array, stored: StoredTensor): Float32Array | Int32Array {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { dtype } = stored;
  switch (dtype) {
    case "F32":
      return fill(new Float32Array(bytes.length / 4), (i) => data.getFloat32(4 * i, true));
    case "F64":
      return fill(new Float32Array(bytes.length / 8), (i) => data.getFloat64(8 * i, true));
    case "F16":
      halves ??= Float32Array.from({ length: 1 << 16 }, (_, bits) => fromFloat16(bits));
      return fill(new Float32Array(bytes.length / 2), (i) => halves![data.getUint16(2 * i, true)]!);
    case "BF16":
      return widen(data);
    case "BOOL":
    case "U8":
      return Int32Array.from(bytes);
    case "I8":
      return fill(new Int32Array(bytes.length), (i) => data.getInt8(i));
    case "I16":
      return fill(new Int32Array(bytes.length / 2), (i) => data.getInt16(2 * i, true));
    case "U16":
      return fill(new Int32Array(bytes.length / 2), (i) => data.getUint16(2 * i, true));
    case "I32":
      return fill(new Int32Array(bytes.length / 4), (i) => data.getInt32(4 * i, true));
    case "U32":
      return fill(new Int32Array(bytes.length / 4), (i) => fits(data.getUint32(4 * i, true), stored));
    case "I64":
      return fill(new Int32Array(bytes.length / 8), (i) => fits(data.getBigInt64(8 * i, true), stored));
    case "U64":
      return fill(new Int32Array(bytes.length / 8), (i) => fits(data.getBigUint64(8 * i, true), stored));
    default:
      throw new EngineError(
        "loadStored",
        `${stored.file}: tensor ${quoted(stored.name)} is ${dtype}, which has no conversion here`,
        "Save it as F32 or BF16.",
      );
  }
}

function fill<A extends Float32Array | Int32Array>(values: A, at: (i: number) => number): A {
  for (let i = 0; i < values.length; i++) values[i] = at(i);
  return values;
}

function widen(data: DataView): Float32Array {
  const bits = new Uint32Array(data.byteLength / 2);
  for (let i = 0; i < bits.length; i++) bits[i] = data.getUint16(2 * i, true) << 16;
  return new Float32Array(bits.buffer);
}

/** Every half-precision number, once one is asked for. */
let halves: Float32Array | null = null;

/** IEEE 754 half precision: 1 sign, 5 exponent, 10 fraction bits. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function fits(value: number | bigint, stored: StoredTensor): number {
  if (value < -0x80000000 || value > 0x7fffffff) {
    throw new EngineError(
      "loadStored",
      `${stored.file}: tensor ${quoted(stored.name)} has ${value}, which does not fit in 32 bits`,
      "Tensors of integers are int32: save smaller numbers.",
    );
  }
  return Number(value);
}
