import { createReadStream } from "node:fs";
import { basename } from "node:path";
import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import { EngineError } from "../errors.ts";

const CHUNK = 1 << 20;

/** How a file is packed, by its name. */
export type Compression = "gz" | "zst" | null;

export const compressionOf = (file: string): Compression =>
  /\.gz$/i.test(file) ? "gz" : /\.zst$/i.test(file) ? "zst" : null;

/**
 * The bytes of a file, unpacked, in pieces.
 *
 * @throws EngineError that names the file where it is cut off or is not packed as its name says
 */
export async function* byteStream(where: string, file: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const compression = compressionOf(file);
  const source = createReadStream(file, { highWaterMark: CHUNK });
  try {
    const chunks: AsyncIterable<Buffer> = compression === null ? source : unpacked(source, compression);
    for await (const chunk of chunks) {
      signal?.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    if (error instanceof EngineError || signal?.aborted || isFileError(error)) throw error;
    throw new EngineError(
      where,
      `${basename(file)} cannot be unpacked: ${(error as Error).message}`,
      "It is cut off or damaged: download or write it again.",
      { cause: error },
    );
  } finally {
    source.destroy();
  }
}

const isFileError = (error: unknown): boolean => /^E[A-Z]+$/.test(String((error as NodeJS.ErrnoException).code));

function unpacked(
  source: NodeJS.ReadableStream & AsyncIterable<Buffer>,
  compression: "gz" | "zst",
): AsyncIterable<Buffer> {
  if (compression === "gz") return through(source, zlib.createGunzip({ chunkSize: CHUNK }));
  // from Node 22.15 on
  const { createZstdDecompress } = zlib as { createZstdDecompress?: (options: object) => Transform };
  return createZstdDecompress ? through(source, createZstdDecompress({ chunkSize: CHUNK })) : unpackZstd(source);
}

async function* through(source: NodeJS.ReadableStream, unpack: Transform): AsyncGenerator<Buffer> {
  source.on("error", (error) => unpack.destroy(error));
  source.pipe(unpack);
  try {
    yield* unpack as AsyncIterable<Buffer>;
  } finally {
    unpack.destroy();
  }
}

/** A frame that wants more memory than this to be unpacked is refused, as `zstd` does without --long. */
const LARGEST_WINDOW = 1 << 27;

async function* unpackZstd(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const { Decompress } = await import("fzstd");
  const ready: Buffer[] = [];
  const stream = new Decompress((chunk) => {
    if (chunk.length > 0) ready.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
  });
  let first = true;
  for await (const chunk of source) {
    if (first) checkWindow(chunk);
    first = false;
    stream.push(chunk);
    while (ready.length > 0) yield ready.shift()!;
  }
  if (first) return; // an empty file
  stream.push(new Uint8Array(0), true);
  while (ready.length > 0) yield ready.shift()!;
}

/** Of the first frame: descriptor in byte 4, then the window's exponent and eighths, unless the frame is one segment. */
function checkWindow(start: Buffer): void {
  if (start.length < 6 || start.readUInt32LE(0) !== 0xfd2fb528 || (start[4]! & 0x20) !== 0) return;
  const window = 2 ** (10 + (start[5]! >> 3)) * (1 + (start[5]! & 7) / 8);
  if (window > LARGEST_WINDOW) throw new Error(`its window of ${window} bytes is larger than ${LARGEST_WINDOW}`);
}
