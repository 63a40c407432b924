import { closeSync, openSync, readSync } from "node:fs";
import type { Bytes } from "../backend/contract.ts";
import { type Device, type DeviceName, resolveDevice } from "../device.ts";
import { EngineError, shapeText } from "../errors.ts";
import { encode } from "../tensor/bytes.ts";
import { DTYPE_BYTES, type DType } from "../tensor/dtype.ts";
import { contiguousStrides, sizeOf } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { Tensor } from "../tensor/tensor.ts";
import { convertStored, TO_FLOAT, TO_INT } from "./convert-stored.ts";
import { quoted, STORED_BITS, type StoredDType, type StoredTensor } from "./stored-tensor.ts";

export interface LoadStoredOptions {
  /** Of the result, or of `rows.into`. Floating-point numbers load as float32 or bfloat16, whole ones as int32. */
  dtype: "float32" | "bfloat16" | "int32";
  /** @default the default device */
  device?: Device | DeviceName;
  /** Fills rows `start` on of this tensor (contiguous, of `dtype`), in place of making a tensor. */
  rows?: { into: Tensor; start: number };
}

/** Element types that the device reads from the file as they are. */
const MAPPED: Readonly<Partial<Record<StoredDType, DType>>> = { F32: "float32", BF16: "bfloat16", I32: "int32" };

/** Elements that JavaScript converts at a time. */
const CHUNK = 1 << 20;

/**
 * Copies a tensor from its safetensors file to a device. F32, BF16 and I32 are read, and cast where asked, on the
 * device's stream, from a mapping of the file that ends with the copy; other types, unaligned data and all that goes to
 * memory of a GPU pass through JavaScript, a few megabytes at a time.
 *
 * @returns the tensor `stored.shape`, the caller's to dispose (or its scope's); `rows.into` where rows are filled
 * @throws EngineError naming the file when the types do not go together or the file has become shorter
 */
export function loadStored(stored: StoredTensor, options: LoadStoredOptions): Tensor {
  const { dtype, rows } = options;
  checkKinds(stored, dtype);
  if (rows) checkRows(stored, dtype, rows.into, rows.start);
  const device = rows ? rows.into.device : resolveDevice(options.device);
  const y = rows ? rows.into : Tensor.empty(stored.shape, { device }, dtype);
  if (!rows) y.madeBy = "loadStored";
  if (stored.bytes === 0) return y;
  try {
    const mapped = MAPPED[stored.dtype];
    const { hostMemory } = device.backend.capabilities;
    const mappable = mapped && hostMemory && process.platform !== "win32" && stored.offset % DTYPE_BYTES[mapped] === 0;
    if (mappable) copyMapped(stored, mapped, y, rows?.start ?? null);
    else copyConverted(stored, y, rows?.start ?? 0);
  } catch (error) {
    if (!rows) y.dispose();
    throw error;
  }
  return y;
}

function checkKinds(stored: StoredTensor, dtype: DType): void {
  const whole = stored.dtype === "I32" || TO_INT.has(stored.dtype);
  const real = stored.dtype === "F32" || stored.dtype === "BF16" || TO_FLOAT.has(stored.dtype);
  if (dtype === "int32" ? whole : real) return;
  throw new EngineError(
    "loadStored",
    `${stored.file}: tensor ${quoted(stored.name)} is ${stored.dtype} ${shapeText(stored.shape)}, but ${dtype} is needed`,
    dtype === "int32" ? "Save whole numbers there." : "Save it as F32, BF16, F16 or F64.",
  );
}

function checkRows(stored: StoredTensor, dtype: DType, into: Tensor, start: number): void {
  const [rows = -1, ...tail] = stored.shape;
  const [room = -1, ...width] = into.shape;
  const fits = rows >= 0 && tail.length === width.length && tail.every((size, d) => size === width[d]);
  if (!fits || !Number.isInteger(start) || start < 0 || start + rows > room) {
    throw new EngineError(
      "loadStored",
      `${stored.file}: tensor ${quoted(stored.name)} ${shapeText(stored.shape)} is to fill rows ${start} on of ` +
        `${shapeText(into.shape)}`,
      "Shapes must agree after the first axis, and the rows must fit.",
    );
  }
  if (into.dtype !== dtype || !into.isContiguous || into.offset !== 0) {
    throw new EngineError(
      "loadStored",
      `rows.into is ${into.dtype} ${shapeText(into.shape)}${into.isContiguous ? "" : ", not contiguous"}, at ` +
        `${into.offset}, but dtype is ${dtype}`,
      "Pass a whole contiguous tensor of that dtype.",
    );
  }
}

function copyMapped(stored: StoredTensor, dtype: DType, y: Tensor, start: number | null): void {
  const { backend } = y;
  const { storage: id, bytes } = backend.mapFile(stored.file);
  const storage = new Storage(id, backend);
  // One dimension, or two for rows: kernels take six, files any number.
  const [rows, inner] = [stored.shape[0]!, sizeOf(stored.shape.slice(1))];
  const shape = start === null ? [sizeOf(stored.shape)] : [rows, inner];
  const offset = stored.offset / DTYPE_BYTES[dtype];
  const x = new Tensor(storage, y.device, dtype, shape, contiguousStrides(shape), offset, null);
  try {
    if (stored.offset + stored.bytes > bytes) throw shorter(stored, bytes);
    if (start === null) backend.copy({ ...viewOf(y), shape, strides: [1] }, x);
    else backend.copyInto({ ...viewOf(y), shape: [y.shape[0]!, inner], strides: [inner, 1] }, x, 0, start);
  } finally {
    x.dispose(); // the mapping ends after the copy: releases follow the stream
  }
}

const viewOf = (y: Tensor) => ({ storage: y.storage, offset: 0, dtype: y.dtype });

const shorter = (stored: StoredTensor, bytes: number): EngineError =>
  new EngineError(
    "loadStored",
    `${stored.file}: tensor ${quoted(stored.name)} ends at byte ${stored.offset + stored.bytes}, but the file has ${bytes}`,
    "It changed after it was opened: open it again.",
  );

function copyConverted(stored: StoredTensor, y: Tensor, start: number): void {
  const { backend } = y;
  const size = STORED_BITS[stored.dtype] / 8;
  const asStored = MAPPED[stored.dtype] === y.dtype;
  const width = DTYPE_BYTES[y.dtype];
  let place = start * sizeOf(stored.shape.slice(1)); // start is 0 where there are no rows
  const file = openSync(stored.file, "r");
  try {
    const buffer = new Uint8Array(Math.min(CHUNK * size, stored.bytes));
    for (let done = 0; done < stored.bytes; ) {
      const piece = buffer.subarray(0, Math.min(buffer.length, stored.bytes - done));
      readWhole(file, piece, stored, done);
      backend.upload(y.storage.id, place * width, asStored ? piece : converted(piece, stored, y.dtype));
      place += piece.length / size;
      done += piece.length;
    }
    y.storage.version++;
  } finally {
    closeSync(file);
  }
}

function converted(piece: Uint8Array, stored: StoredTensor, dtype: DType): Bytes {
  const values = convertStored(piece, stored);
  return dtype === "bfloat16" ? encode(values, "bfloat16") : values;
}

function readWhole(file: number, piece: Uint8Array, stored: StoredTensor, from: number): void {
  for (let read = 0; read < piece.length; ) {
    const count = readSync(file, piece, read, piece.length - read, stored.offset + from + read);
    if (count === 0) throw shorter(stored, stored.offset + from + read);
    read += count;
  }
}
