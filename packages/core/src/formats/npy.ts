import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { EngineError } from "../errors.ts";

/** Whole numbers from a file of NumPy's. */
export interface NpyIntegers {
  readonly shape: readonly number[];
  readonly values: Int32Array;
}

const MAGIC = Buffer.from("\x93NUMPY", "latin1");
const READERS: Readonly<Record<string, readonly [bytes: number, read: (bytes: Buffer, at: number) => number]>> = {
  i1: [1, (bytes, at) => bytes.readInt8(at)],
  u1: [1, (bytes, at) => bytes.readUInt8(at)],
  i2: [2, (bytes, at) => bytes.readInt16LE(at)],
  u2: [2, (bytes, at) => bytes.readUInt16LE(at)],
  i4: [4, (bytes, at) => bytes.readInt32LE(at)],
  u4: [4, (bytes, at) => bytes.readUInt32LE(at)],
  i8: [8, (bytes, at) => Number(bytes.readBigInt64LE(at))],
  u8: [8, (bytes, at) => Number(bytes.readBigUInt64LE(at))],
};

/**
 * Reads an array of whole numbers below 2^31 from a .npy file.
 *
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export async function readNpyIntegers(where: string, file: string): Promise<NpyIntegers> {
  const bytes = await readFile(file);
  const refuse = (what: string): never => {
    throw new EngineError(where, `${basename(file)} ${what}`, "Save it with numpy.save, as int32 in C order.");
  };
  if (bytes.length < 12 || !bytes.subarray(0, 6).equals(MAGIC)) refuse("is no .npy file");
  const long = bytes[6]! >= 2; // the header's length has two bytes, from version 2 on four
  const start = long ? 12 : 10;
  const end = start + (long ? bytes.readUInt32LE(8) : bytes.readUInt16LE(8));
  const header = bytes.toString("latin1", start, end);
  const descr = /'descr'\s*:\s*'([<|=>]?)(\w+)'/.exec(header);
  const sizes = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(header)?.[1];
  if (end > bytes.length || !descr || sizes === undefined) refuse("has no header that says type and shape");
  const [, order, type] = descr!;
  if (!Object.hasOwn(READERS, type!) || order === ">" || /'fortran_order'\s*:\s*True/.test(header)) {
    refuse(`holds ${order}${type}${order === ">" ? ", the high byte first" : ""}`);
  }
  const shape = [...sizes!.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  const count = shape.reduce((product, size) => product * size, 1);
  const [width, read] = READERS[type!]!;
  if (count * width !== bytes.length - end) {
    refuse(`has ${bytes.length - end} bytes of values, but [${shape.join(", ")}] of ${type} are ${count * width}`);
  }
  const values = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const value = read(bytes, end + i * width);
    if (value !== (value | 0)) refuse(`has ${value} at place ${i}, which is no int32`);
    values[i] = value;
  }
  return { shape, values };
}
