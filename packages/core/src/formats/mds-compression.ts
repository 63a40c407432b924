/** Whole shards, compressed and back. */
import * as zlib from "node:zlib";
import { decompress as unzstd } from "fzstd";

/** In Node from 22.15 on. */
type WithZstd = typeof zlib & {
  zstdCompressSync?(data: Uint8Array, options?: { params?: Record<number, number> }): Buffer;
  zstdDecompressSync?(data: Uint8Array, options?: { maxOutputLength?: number }): Buffer;
};
const { zstdCompressSync, zstdDecompressSync } = zlib as WithZstd;
const { ZSTD_c_compressionLevel = 100 } = zlib.constants as { ZSTD_c_compressionLevel?: number };

/** Decoding without a stated size takes at most this window: what `zstd --long` writes. */
const LARGEST_WINDOW = 2 ** 27;

const DEFAULT_LEVELS: Readonly<Record<string, number>> = { zstd: 3, br: 11, gz: 9 };

/** "zstd:7" as its algorithm, which is the file's suffix, and level. @throws Error for one that cannot be written */
export function readCompression(name: string): { algorithm: string; level: number } {
  const [algorithm = "", level] = name.split(":");
  const usual = Object.hasOwn(DEFAULT_LEVELS, algorithm) ? DEFAULT_LEVELS[algorithm]! : null;
  const number = level === undefined ? usual : Number(level);
  if (usual === null || !Number.isInteger(number)) {
    throw new Error(`is ${JSON.stringify(name)}, but ${Object.keys(DEFAULT_LEVELS).join(", ")} are written`);
  }
  if (algorithm === "zstd" && !zstdCompressSync) {
    throw new Error(`is "${name}", which Node ${process.versions.node} cannot write (22.15 and later can)`);
  }
  return { algorithm, level: number! };
}

/** @param compression one that `readCompression` took */
export function compress(data: Uint8Array, compression: string): Uint8Array {
  const { algorithm, level } = readCompression(compression);
  if (algorithm === "zstd") return zstdCompressSync!(data, { params: { [ZSTD_c_compressionLevel]: level } });
  if (algorithm === "gz") return zlib.gzipSync(data, { level });
  return zlib.brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: level } });
}

/**
 * Decompresses a shard.
 *
 * @param bytes what the index says that the shard has; more is never made
 * @throws Error that says what is wrong with the data
 */
export function decompress(data: Uint8Array, compression: string, bytes: number): Buffer {
  const algorithm = compression.replace(/:.*/, "");
  const limit = { maxOutputLength: Math.max(bytes, 1) };
  let out: Buffer;
  if (algorithm === "gz") out = zlib.gunzipSync(data, limit);
  else if (algorithm === "br") out = zlib.brotliDecompressSync(data, limit);
  else if (algorithm === "zstd") out = zstdDecompressSync ? zstdDecompressSync(data, limit) : decodeZstd(data, bytes);
  else throw new Error(`compression ${JSON.stringify(compression)} is not read: zstd, gz and br are`);
  if (out.length !== bytes) throw new Error(`it decompresses to ${out.length} bytes, but the index says ${bytes}`);
  return out;
}

function decodeZstd(data: Uint8Array, bytes: number): Buffer {
  const frame = frameSizes(data);
  if (frame.content === bytes) {
    const out = Buffer.alloc(bytes); // nothing else is allocated, whatever the frame says
    return asBuffer(unzstd(data, out));
  }
  if (frame.content !== null && frame.content > bytes) {
    throw new Error(`it decompresses to ${frame.content} bytes, but the index says ${bytes}`);
  }
  if (frame.window > LARGEST_WINDOW) throw new Error(`it needs a window of ${frame.window} bytes`);
  return asBuffer(unzstd(data));
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** What the header of a Zstandard frame states: the bytes of its content, or null, and of its window. */
function frameSizes(data: Uint8Array): { content: number | null; window: number } {
  const bytes = asBuffer(data);
  if (bytes.length < 6) throw new Error("it is no Zstandard data");
  if (bytes.readUInt32LE(0) !== 0xfd2fb528) throw new Error("it is no Zstandard data");
  const flags = bytes[4]!;
  const single = (flags & 0x20) !== 0;
  const dictionary = [0, 1, 2, 4][flags & 3]!;
  const at = 5 + (single ? 0 : 1) + dictionary;
  const width = [single ? 1 : 0, 2, 4, 8][flags >> 6]!;
  if (at + width > bytes.length) throw new Error("it ends inside its header");
  const stated = width === 8 ? Number(bytes.readBigUInt64LE(at)) : width === 0 ? 0 : bytes.readUIntLE(at, width);
  const content = width === 0 ? null : width === 2 ? stated + 256 : stated;
  const base = 2 ** (10 + (bytes[5]! >> 3));
  return { content, window: single ? (content ?? 0) : base + (base / 8) * (bytes[5]! & 7) };
}
