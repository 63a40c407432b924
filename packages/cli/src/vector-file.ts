import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { flushFolder } from "@ettin/core";
import type { Precision } from "@ettin/dense";
import { UsageError } from "./command.ts";
import { checkOutputFile } from "./output-place.ts";

/** Vectors of one length, with the texts that they are of. */
export interface VectorRows {
  readonly texts: readonly string[];
  readonly embeddings: readonly (Float32Array | Int8Array | Uint8Array)[];
}

/** A file that vectors are written to as they come. It appears under its name when it is whole. */
export interface VectorFile {
  add(rows: VectorRows): Promise<void>;
  /** Puts the file in its place. */
  finish(): Promise<void>;
  /** Leaves nothing behind, unless it is finished. */
  discard(): Promise<void>;
}

/** Room for what is known at the end only: how many rows there are. */
const HEADER = 256;
const TYPES: Readonly<Record<Precision, readonly [npy: string, safetensors: string]>> = {
  float32: ["<f4", "F32"],
  int8: ["|i1", "I8"],
  binary: ["|i1", "I8"],
  uint8: ["|u1", "U8"],
  ubinary: ["|u1", "U8"],
};
const KINDS = [".npy", ".safetensors", ".jsonl"];

/** Opens a new file: .npy, .safetensors with the tensor "embeddings", or .jsonl. */
export async function createVectorFile(path: string, precision: Precision): Promise<VectorFile> {
  const kind = extname(path);
  if (!KINDS.includes(kind)) throw new UsageError(`--output ${path} has to end with ${KINDS.join(", ")}`);
  await checkOutputFile("output", path);
  const beside = join(dirname(resolve(path)), `.${basename(path)}.${randomBytes(4).toString("hex")}.partial`);
  const file = await open(beside, "wx");
  let rows = 0;
  let dim = 0;
  let at = kind === ".jsonl" ? 0 : HEADER;
  let isOpen = true;
  let isThere = false;
  const write = async (bytes: Uint8Array) => {
    await writeAt(file, bytes, at);
    at += bytes.byteLength;
  };
  return {
    async add({ texts, embeddings }) {
      rows += embeddings.length;
      dim = embeddings[0]?.length ?? dim;
      if (kind === ".jsonl") await write(Buffer.from(jsonLines({ texts, embeddings })));
      else await write(Buffer.concat(embeddings.map(bytesOf)));
    },
    async finish() {
      const [npy, safetensors] = TYPES[precision];
      if (kind === ".npy") await writeAt(file, npyHeader(npy, rows, dim), 0);
      if (kind === ".safetensors") await writeAt(file, safetensorsHeader(safetensors, rows, dim, at - HEADER), 0);
      await file.sync();
      await file.close();
      isOpen = false;
      await rename(beside, path);
      isThere = true;
      await flushFolder(dirname(resolve(path)));
    },
    async discard() {
      if (isThere) return;
      if (isOpen) await file.close();
      await rm(beside, { force: true });
    },
  };
}

/** A line for each text: {"text", "embedding"}. */
export const jsonLines = ({ texts, embeddings }: VectorRows): string =>
  embeddings.map((each, i) => `${JSON.stringify({ text: texts[i], embedding: Array.from(each) })}\n`).join("");

const bytesOf = (each: Float32Array | Int8Array | Uint8Array): Buffer =>
  Buffer.from(each.buffer, each.byteOffset, each.byteLength);

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    done += (await file.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten;
  }
}

/** @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
function npyHeader(type: string, rows: number, dim: number): Buffer {
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const start = Buffer.from("\x93NUMPY\x01\x00\0\0", "latin1");
  start.writeUInt16LE(HEADER - start.length, 8);
  return Buffer.concat([start, Buffer.from(`${text.padEnd(HEADER - start.length - 1)}\n`)]);
}

function safetensorsHeader(type: string, rows: number, dim: number, bytes: number): Buffer {
  const json = JSON.stringify({ embeddings: { dtype: type, shape: [rows, dim], data_offsets: [0, bytes] } });
  const header = Buffer.alloc(HEADER, " ");
  header.writeBigUInt64LE(BigInt(HEADER - 8), 0);
  header.write(json, 8);
  return header;
}
