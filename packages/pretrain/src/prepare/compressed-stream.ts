import type { Readable } from "node:stream";
import { pipeline } from "node:stream";
import * as zlib from "node:zlib";
import { EngineError } from "@ettin/core";

/** In Node from 22.15 on. */
const { createZstdDecompress } = zlib as typeof zlib & { createZstdDecompress?(options: object): zlib.Gunzip };

const CHUNK = 2 ** 18;

/** The bytes of a file as its name says: `.gz` and `.zst` are decompressed, on threads of their own. */
export function openCompressed(path: string, file: Readable): AsyncIterable<Buffer> {
  if (/\.gz$/i.test(path)) return pipeline(file, zlib.createGunzip({ chunkSize: CHUNK }), () => {});
  if (!/\.zst$/i.test(path)) return file;
  if (createZstdDecompress) return pipeline(file, createZstdDecompress({ chunkSize: CHUNK }), () => {});
  file.destroy();
  throw new EngineError(
    "readLines",
    `${path} is compressed by Zstandard, which Node ${process.versions.node} does not decompress`,
    "Use Node 22.15 or later, or compress it as .gz.",
  );
}
