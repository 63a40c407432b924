/** Arrays of numbers in MDS samples: `ndarray[:dtype[:shape]]`. What the encoding does not fix stands before the values. */
import type { NumberArray as PlainNumbers } from "../data/column.ts";
import { fromFloat16 } from "../hub/convert-stored.ts";
import { sizeOf } from "../tensor/shape.ts";
import { toFloat16 } from "./float16.ts";
import type { MdsEncoding } from "./mds-encoding.ts";

/** Numbers of one dimension; an array of more is an array of such rows. */
export type NumberArray = PlainNumbers | BigInt64Array | BigUint64Array;

interface Element {
  readonly code: number;
  readonly bytes: number;
  /** Reads from a buffer that holds the values alone. */
  read(values: ArrayBuffer): NumberArray;
  /** The values as bytes, checked. */
  write(values: ArrayLike<number | bigint>): NumberArray;
}

type Constructor = new (from: ArrayBuffer | number) => NumberArray;

const ELEMENTS: Readonly<Record<string, Element>> = {
  uint8: whole(8, Uint8Array, 0, 0xff),
  int8: whole(9, Int8Array, -0x80, 0x7f),
  uint16: whole(16, Uint16Array, 0, 0xffff),
  int16: whole(17, Int16Array, -0x8000, 0x7fff),
  float16: {
    code: 18,
    bytes: 2,
    read: (values) => Float32Array.from(new Uint16Array(values), fromFloat16),
    write: (values) => Uint16Array.from({ length: values.length }, (_, i) => toFloat16(Number(values[i]))),
  },
  uint32: whole(32, Uint32Array, 0, 0xffff_ffff),
  int32: whole(33, Int32Array, -0x8000_0000, 0x7fff_ffff),
  float32: floating(34, Float32Array),
  uint64: wide(64, BigUint64Array, 0n, 2n ** 64n - 1n),
  int64: wide(65, BigInt64Array, -(2n ** 63n), 2n ** 63n - 1n),
  float64: floating(66, Float64Array),
};

const BY_CODE = new Map(Object.entries(ELEMENTS).map(([name, { code }]) => [code, name]));

function whole(code: number, Typed: Constructor, least: number, most: number): Element {
  return {
    code,
    bytes: (Typed as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT,
    read: (values) => new Typed(values),
    write(values) {
      if (values instanceof Typed) return values;
      const out = new Typed(values.length) as Float64Array;
      for (let i = 0; i < values.length; i++) {
        const value = Number(values[i]);
        if (!Number.isInteger(value) || value < least || value > most) {
          throw new Error(`holds ${values[i]} at place ${i}, but its numbers are whole, from ${least} to ${most}`);
        }
        out[i] = value;
      }
      return out;
    },
  };
}

function floating(code: number, Typed: Constructor): Element {
  return {
    code,
    bytes: (Typed as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT,
    read: (values) => new Typed(values),
    write(values) {
      if (values instanceof Typed) return values;
      const out = new Typed(values.length) as Float64Array;
      for (let i = 0; i < values.length; i++) out[i] = Number(values[i]);
      return out;
    },
  };
}

/** Integers of 64 bits: read as numbers where all of them are exact as such, else as bigints. */
function wide(code: number, Typed: Constructor, least: bigint, most: bigint): Element {
  return {
    code,
    bytes: 8,
    read(values) {
      const all = new Typed(values) as BigInt64Array;
      const numbers = Float64Array.from(all, Number);
      return numbers.every(Number.isSafeInteger) ? numbers : all;
    },
    write(values) {
      if (values instanceof Typed) return values;
      const out = new Typed(values.length) as BigInt64Array;
      for (let i = 0; i < values.length; i++) {
        const value = values[i]!;
        const exact = typeof value === "bigint" || Number.isSafeInteger(value);
        if (!exact || BigInt(value) < least || BigInt(value) > most) {
          throw new Error(`holds ${value} at place ${i}, but its numbers are whole, from ${least} to ${most}`);
        }
        out[i] = BigInt(value);
      }
      return out;
    },
  };
}

/** The encoding of a name such as "ndarray", "ndarray:uint32" or "ndarray:float32:2,3"; null where it is none. */
export function ndarrayEncoding(name: string): MdsEncoding | null {
  const [kind, dtype = null, sizes = null, ...rest] = name.split(":");
  if (kind !== "ndarray" || rest.length > 0 || (dtype !== null && !Object.hasOwn(ELEMENTS, dtype))) return null;
  const shape = sizes === null ? null : sizes.split(",").map(Number);
  if (shape && !(shape.length <= 63 && shape.every((size) => Number.isSafeInteger(size) && size > 0))) return null;
  const count = shape && sizeOf(shape);
  const size = dtype === null || count === null ? null : count * ELEMENTS[dtype]!.bytes;
  if (size !== null && size > 0xffff_ffff) return null;
  return {
    size,
    encode: (value) => encodeArray(value, dtype, shape),
    decode: (bytes) => decodeArray(bytes, dtype, shape),
  };
}

function encodeArray(value: unknown, dtype: string | null, shape: readonly number[] | null): Uint8Array {
  const { values, shape: found } = flatten(value);
  const type = dtype ?? typeOf(values);
  if (values.length === 0) throw new Error("is an empty array, which the format does not have");
  const fits = !shape || shape.join() === found.join() || (found.length === 1 && found[0] === sizeOf(shape));
  if (!fits) {
    throw new Error(`has shape [${found.join(", ")}], but [${shape.join(", ")}] is needed`);
  }
  const element = ELEMENTS[type]!;
  const payload = element.write(values);
  const head: number[] = dtype === null ? [element.code] : [];
  if (!shape) head.push(...shapeBytes(found));
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return head.length === 0 ? bytes : Buffer.concat([Buffer.from(head), bytes]);
}

/** Number of dimensions and width of their sizes in a byte, then the sizes. */
function shapeBytes(shape: readonly number[]): number[] {
  const largest = Math.max(...shape);
  const width = largest < 2 ** 8 ? 0 : largest < 2 ** 16 ? 1 : 2;
  const bytes = [(shape.length << 2) | width];
  for (const size of shape) {
    for (let shift = 0; shift < 8 << width; shift += 8) bytes.push((size >>> shift) & 0xff);
  }
  return bytes;
}

function typeOf(values: ArrayLike<number | bigint>): string {
  const found = Object.keys(ELEMENTS).find((name) => values.constructor.name.toLowerCase() === `${name}array`);
  if (found) return found;
  if (values instanceof BigInt64Array) return "int64";
  if (values instanceof BigUint64Array) return "uint64";
  if (Buffer.isBuffer(values)) return "uint8";
  throw new Error('is no typed array, and the encoding "ndarray" does not say which numbers it holds');
}

function flatten(value: unknown): { values: ArrayLike<number | bigint>; shape: readonly number[] } {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    const values = value as NumberArray;
    return { values, shape: [values.length] };
  }
  if (!Array.isArray(value)) {
    throw new Error(`is ${value === null ? "null" : `a ${typeof value}`}, not an array of numbers`);
  }
  if (!value.some((each) => typeof each === "object")) {
    const wrong = value.findIndex((each) => typeof each !== "number" && typeof each !== "bigint");
    if (wrong >= 0) throw new Error(`holds ${JSON.stringify(value[wrong])} at place ${wrong}, which is no number`);
    return { values: value as number[], shape: [value.length] };
  }
  const rows = value.map(flatten);
  const inner = rows[0]!.shape;
  if (rows.some(({ shape }) => shape.join() !== inner.join())) throw new Error("has rows of unequal lengths");
  const values = rows.flatMap((row) => Array.from(row.values));
  const Typed = rows[0]!.values.constructor as { from?(values: ArrayLike<unknown>): NumberArray };
  const typed = ArrayBuffer.isView(rows[0]!.values) && Typed.from ? Typed.from(values) : values;
  return { values: typed, shape: [value.length, ...inner] };
}

function decodeArray(bytes: Buffer, fixedType: string | null, fixedShape: readonly number[] | null): unknown {
  let at = 0;
  const type = fixedType ?? BY_CODE.get(bytes[at++] ?? -1);
  if (type === undefined) throw new Error(`has element type ${bytes[0] ?? "missing"}, which the format does not have`);
  let shape = fixedShape;
  if (!shape) {
    const head = bytes[at++] ?? 0;
    const width = 1 << (head & 3);
    const dims = head >> 2;
    if (dims === 0 || at + dims * width > bytes.length) throw new Error("ends inside its shape");
    const sizes = Array.from({ length: dims }, (_, d) => readSize(bytes, at + d * width, width));
    if (sizes.includes(0)) throw new Error(`has shape [${sizes.join(", ")}], which the format does not have`);
    shape = sizes;
    at += dims * width;
  }
  const element = ELEMENTS[type]!;
  const need = shape.reduce((product, size) => product * size, element.bytes);
  if (need !== bytes.length - at) {
    throw new Error(`has ${bytes.length - at} bytes of ${type} [${shape.join(", ")}], which takes ${need}`);
  }
  const start = bytes.byteOffset + at; // values lie at any byte: the one copy aligns them
  return nest(element.read((bytes.buffer as ArrayBuffer).slice(start, start + need)), shape);
}

function readSize(bytes: Buffer, at: number, width: number): number {
  return width === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUIntLE(at, width);
}

function nest(values: NumberArray, shape: readonly number[]): unknown {
  if (shape.length === 1) return values;
  const inner = shape.slice(1);
  const size = sizeOf(inner);
  return Array.from({ length: shape[0]! }, (_, i) => nest(values.subarray(i * size, (i + 1) * size), inner));
}
