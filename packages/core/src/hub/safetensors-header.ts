import { type FileHandle, open } from "node:fs/promises";
import { EngineError, shapeText } from "../errors.ts";
import { duplicateKey } from "./duplicate-key.ts";
import { quoted, STORED_BITS, type StoredDType, type StoredTensor } from "./stored-tensor.ts";

/** What a safetensors file says before its data. */
export interface SafetensorsHeader {
  /** By name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** The limit of the format's own library: a longer header is damage, or an attempt to take all memory. */
const LONGEST_HEADER = 100_000_000;

const WAY_OUT = "The file is damaged or not safetensors: download it again, or write it anew.";

/**
 * Reads and checks the header of a safetensors file: lengths, JSON, element types, shapes, and that the tensors cover
 * the data without a hole or an overlap. The data is not read.
 *
 * @param where for messages: the function that the caller wrote
 * @throws EngineError naming the file and the field
 */
export async function readSafetensorsHeader(path: string, where = "readSafetensorsHeader"): Promise<SafetensorsHeader> {
  let file: FileHandle;
  try {
    file = await open(path);
  } catch (error) {
    throw new EngineError(where, `${path}: ${(error as Error).message}`, "Check the path and who may read it.", {
      cause: error,
    });
  }
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new EngineError(where, `${path}: this is not a file`, WAY_OUT);
    const read = (position: number, length: number) => readExactly(file, position, length);
    return await headerOf({ path, size: status.size, read }, where);
  } finally {
    await file.close();
  }
}

/** A safetensors file, wherever it is, of which parts can be read. */
export interface PartialFile {
  /** For messages, and of the tensors. */
  readonly path: string;
  /** Bytes of all of it. */
  readonly size: number;
  /** Exactly these bytes; null where the file ends before. */
  read(position: number, length: number): Promise<Buffer | null>;
}

/** The checked header of a file, which is all that is read of it. */
export async function headerOf({ path, size, read }: PartialFile, where: string): Promise<SafetensorsHeader> {
  const fail = (what: string, cause?: unknown): never => {
    throw new EngineError(where, `${path}: ${what}`, WAY_OUT, { cause });
  };
  const prefix = size < 8 ? null : await read(0, 8);
  if (!prefix) return fail(`${size} bytes are too few: a header's length takes 8`);
  const stated = prefix.readBigUInt64LE();
  if (stated > BigInt(LONGEST_HEADER)) fail(`the header's length is ${stated}, ${LONGEST_HEADER} is the most`);
  const length = Number(stated);
  if (length < 2 || 8 + length > size) {
    fail(`the header's length is ${length}, but ${Math.max(size - 8, 0)} bytes follow it`);
  }
  const header = await read(8, length);
  if (!header) return fail("the file became shorter while it was read");
  return parseHeader(header, path, size - 8 - length, fail);
}

async function readExactly(file: FileHandle, position: number, length: number): Promise<Buffer | null> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) return null;
    done += bytesRead;
  }
  return buffer;
}

type Fail = (what: string, cause?: unknown) => never;

function parseHeader(header: Buffer, path: string, dataBytes: number, fail: Fail): SafetensorsHeader {
  if (header[0] !== 0x7b) fail(`the header starts with byte ${header[0]}, not with "{"`);
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
    json = JSON.parse(text);
  } catch (error) {
    return fail("the header is not JSON in UTF-8", error);
  }
  const twice = duplicateKey(text);
  if (twice !== null) fail(`the header names ${quoted(twice)} twice`);

  const dataStart = 8 + header.length;
  const metadata = new Map<string, string>();
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(json as object)) {
    if (name === "__metadata__") readMetadata(entry, metadata, fail);
    else tensors.set(name, readEntry(name, entry, path, dataStart, dataBytes, fail));
  }
  checkCover([...tensors.values()], dataStart, dataBytes, fail);
  return { tensors, metadata };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readMetadata(entry: unknown, metadata: Map<string, string>, fail: Fail): void {
  if (!isObject(entry)) fail("__metadata__ is not an object of strings");
  for (const [key, value] of Object.entries(entry)) {
    if (typeof value !== "string") fail(`__metadata__ has ${quoted(key)}, which is not a string`);
    metadata.set(key, value as string);
  }
}

function readEntry(
  name: string,
  entry: unknown,
  file: string,
  dataStart: number,
  dataBytes: number,
  fail: Fail,
): StoredTensor {
  const label = `tensor ${quoted(name)}`;
  if (!isObject(entry)) return fail(`${label} is not an object with dtype, shape and data_offsets`);
  for (const key of Object.keys(entry)) {
    if (key !== "dtype" && key !== "shape" && key !== "data_offsets") fail(`${label} has a field ${quoted(key)}`);
  }
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== "string" || !Object.hasOwn(STORED_BITS, dtype)) {
    return fail(`${label}: dtype is ${excerpt(dtype)}, which safetensors does not have`);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail(`${label}: shape is ${excerpt(shape)}, not an array of whole numbers`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return fail(`${label}: data_offsets is ${excerpt(offsets)}, not two whole numbers`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    fail(`${label}: data_offsets ${shapeText([begin, end])} are not in order within ${dataBytes} bytes of data`);
  }
  let bits = STORED_BITS[dtype as StoredDType] as number;
  for (const size of shape) {
    bits *= size;
    if (!Number.isSafeInteger(bits)) fail(`${label}: shape ${excerpt(shape)} has more elements than a file can hold`);
  }
  if (end - begin !== bits / 8) {
    fail(
      `${label}: data_offsets ${shapeText([begin, end])} hold ${end - begin} bytes, ` +
        `but ${dtype} ${excerpt(shape)} takes ${bits / 8}`,
    );
  }
  return { name, dtype: dtype as StoredDType, shape, file, offset: dataStart + begin, bytes: end - begin };
}

const excerpt = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
};

function checkCover(tensors: StoredTensor[], dataStart: number, dataBytes: number, fail: Fail): void {
  tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes);
  let end = dataStart;
  for (const { name, offset, bytes } of tensors) {
    if (offset < end) fail(`tensor ${quoted(name)} overlaps the one before it by ${end - offset} bytes`);
    if (offset > end) fail(`${offset - end} bytes before tensor ${quoted(name)} belong to no tensor`);
    end = offset + bytes;
  }
  if (end !== dataStart + dataBytes) fail(`the last ${dataStart + dataBytes - end} bytes belong to no tensor`);
}
