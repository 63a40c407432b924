/** How the columns of MDS samples are written. */
import { fromFloat16 } from "../hub/convert-stored.ts";
import { toFloat16 } from "./float16.ts";
import { ndarrayEncoding } from "./mds-ndarray.ts";

export interface MdsEncoding {
  /** Bytes of each value; null where they vary, and the sample says how many. */
  readonly size: number | null;
  /** @throws Error that goes on after the column's name: "is …", "holds …" */
  encode(value: unknown): Uint8Array;
  /** A copy of the value. @throws Error as `encode` */
  decode(bytes: Buffer): unknown;
}

const PICTURES = new Set(["pil", "jpeg", "jpegarray", "jpeg_array", "list[pil]", "list[jpeg]", "list[png]", "png"]);

/**
 * The encoding of a name in an index.
 *
 * @throws Error that says why there is none
 */
export function mdsEncoding(name: string): MdsEncoding {
  const found = Object.hasOwn(ENCODINGS, name) ? ENCODINGS[name]! : ndarrayEncoding(name);
  if (found) return found;
  if (name === "pkl") {
    throw new Error('is "pkl", a pickle, which can run any code when it is read: write it again as json or ndarray');
  }
  const known = `${Object.keys(ENCODINGS).join(", ")} and ndarray[:dtype[:shape]]`;
  if (PICTURES.has(name.replace(/:.*/, "")))
    throw new Error(`is ${JSON.stringify(name)}, a picture: ${known} are read`);
  throw new Error(`is ${JSON.stringify(name)}: ${known} are known`);
}

const ENCODINGS: Readonly<Record<string, MdsEncoding>> = {
  bytes: { size: null, encode: expectBytes, decode: (bytes) => new Uint8Array(bytes) },
  str: { size: null, encode: orBytes((value) => Buffer.from(expectText(value))), decode: readText },
  int: integer64("readBigInt64LE", "writeBigInt64LE", -(2n ** 63n), 2n ** 63n - 1n),
  int8: integer(1, true),
  int16: integer(2, true),
  int32: integer(4, true),
  int64: integer64("readBigInt64LE", "writeBigInt64LE", -(2n ** 63n), 2n ** 63n - 1n),
  uint8: integer(1, false),
  uint16: integer(2, false),
  uint32: integer(4, false),
  uint64: integer64("readBigUInt64LE", "writeBigUInt64LE", 0n, 2n ** 64n - 1n),
  float16: scalar(
    2,
    (bytes) => fromFloat16(bytes.readUInt16LE()),
    (out, value) => out.writeUInt16LE(toFloat16(value)),
  ),
  float32: scalar(
    4,
    (bytes) => bytes.readFloatLE(),
    (out, value) => out.writeFloatLE(value),
  ),
  float64: scalar(
    8,
    (bytes) => bytes.readDoubleLE(),
    (out, value) => out.writeDoubleLE(value),
  ),
  str_int: { size: null, encode: orBytes((value) => Buffer.from(String(expectInteger(value)))), decode: readIntText },
  str_float: { size: null, encode: orBytes((value) => Buffer.from(floatText(value))), decode: readFloatText },
  str_decimal: { size: null, encode: orBytes((value) => Buffer.from(decimalText(value))), decode: readText },
  json: { size: null, encode: orBytes((value) => Buffer.from(jsonText(value))), decode: readJson },
};

/** A value that is bytes already is stored as it is. */
function orBytes(encode: (value: unknown) => Uint8Array): (value: unknown) => Uint8Array {
  return (value) => (value instanceof Uint8Array ? value : encode(value));
}

function scalar(
  size: number,
  read: (bytes: Buffer) => unknown,
  write: (out: Buffer, value: number) => void,
): MdsEncoding {
  return {
    size,
    encode: orBytesOf(size, (value) => {
      if (typeof value !== "number") throw new Error(`is ${describe(value)}, not a number`);
      const out = Buffer.allocUnsafe(size);
      write(out, value);
      return out;
    }),
    decode: read,
  };
}

function orBytesOf(size: number, encode: (value: unknown) => Uint8Array): (value: unknown) => Uint8Array {
  return (value) => {
    if (!(value instanceof Uint8Array)) return encode(value);
    if (value.length !== size) throw new Error(`is ${value.length} bytes, but ${size} are needed`);
    return value;
  };
}

function integer(size: number, signed: boolean): MdsEncoding {
  const [least, most] = signed ? [-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1] : [0, 2 ** (8 * size) - 1];
  return {
    size,
    encode: orBytesOf(size, (value) => {
      const number = Number(expectInteger(value));
      if (number < least || number > most) throw new Error(`is ${number}, but ${least} to ${most} fit`);
      const out = Buffer.allocUnsafe(size);
      if (signed) out.writeIntLE(number, 0, size);
      else out.writeUIntLE(number, 0, size);
      return out;
    }),
    decode: (bytes) => (signed ? bytes.readIntLE(0, size) : bytes.readUIntLE(0, size)),
  };
}

function integer64(
  read: "readBigInt64LE" | "readBigUInt64LE",
  write: "writeBigInt64LE" | "writeBigUInt64LE",
  least: bigint,
  most: bigint,
): MdsEncoding {
  return {
    size: 8,
    encode: orBytesOf(8, (value) => {
      const big = BigInt(expectInteger(value));
      if (big < least || big > most) throw new Error(`is ${big}, but ${least} to ${most} fit`);
      const out = Buffer.allocUnsafe(8);
      out[write](big);
      return out;
    }),
    decode: (bytes) => exact(bytes[read]()),
  };
}

/** A number where it is exact as such, else the bigint. */
const exact = (big: bigint): number | bigint => (Number.isSafeInteger(Number(big)) ? Number(big) : big);

const describe = (value: unknown): string =>
  value === null || value === undefined ? String(value) : typeof value === "object" ? "an object" : `a ${typeof value}`;

function expectBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new Error(`is ${describe(value)}, not bytes (a Uint8Array)`);
}

function expectText(value: unknown): string {
  if (typeof value !== "string") throw new Error(`is ${describe(value)}, not a text`);
  return value;
}

function expectInteger(value: unknown): number | bigint {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return value as number | bigint;
  throw new Error(`is ${typeof value === "number" ? value : describe(value)}, not a whole number`);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readText(bytes: Buffer): string {
  const text = bytes.toString("utf8");
  if (text.includes("\ufffd")) return strictText(bytes); // a replacement character, or bytes that are no UTF-8
  return text;
}

function strictText(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Error("is not UTF-8");
  }
}

function readIntText(bytes: Buffer): number | bigint {
  const text = readText(bytes);
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`is ${JSON.stringify(text.slice(0, 40))}, not a whole number`);
  return exact(BigInt(text.replace("+", "")));
}

function floatText(value: unknown): string {
  if (typeof value !== "number") throw new Error(`is ${describe(value)}, not a number`);
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return Object.is(value, -0) ? "-0.0" : `${value}.0`;
  return Number.isNaN(value) ? "nan" : String(value).replace("Infinity", "inf");
}

function readFloatText(bytes: Buffer): number {
  const text = readText(bytes).trim();
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special) return special[2]!.toLowerCase() === "nan" ? Number.NaN : special[1] === "-" ? -Infinity : Infinity;
  const value = text === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new Error(`is ${JSON.stringify(text.slice(0, 40))}, not a number`);
  return value;
}

/** Decimals stay texts: a number would round them. */
function decimalText(value: unknown): string {
  const text = typeof value === "number" || typeof value === "bigint" ? String(value) : expectText(value);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) throw new Error(`is ${JSON.stringify(text)}, not a decimal`);
  return text;
}

function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new Error(`is ${describe(value)}, which JSON does not have`);
  return text;
}

function readJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(readText(bytes));
  } catch (error) {
    throw new Error(`is not JSON: ${(error as Error).message}`);
  }
}
