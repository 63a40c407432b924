/** One shard file: its header checked when it is opened, its samples read when they are asked for. */
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { decompress } from "./mds-compression.ts";
import { checkHashes } from "./mds-hash.ts";
import type { MdsShard } from "./mds-index.ts";

/** Bytes read at once where samples are read in order. */
const AHEAD = 2 ** 18;

const DAMAGED = "The shard is damaged or not complete: copy it again, or write it anew.";

export type Verify = "always" | "where hashed" | "never";

export interface OpenShard {
  /** Bytes that it holds in memory. */
  readonly bytes: number;
  /** The bytes of a sample, valid until the next call. */
  sample(i: number): Buffer;
  /** An error about a sample of this shard. */
  damaged(sample: number, what: string): EngineError;
  close(): void;
}

/** Where bytes come from: a file, or a shard that was decompressed. */
interface Source {
  readonly size: number;
  /** All of it, where it is in memory. */
  readonly data: Buffer | null;
  /** Into the buffer, from its start; as many bytes as there are. */
  read(into: Buffer, position: number): number;
  close(): void;
}

/**
 * Opens a shard: the file itself where it is there, else the compressed one, which is decompressed whole.
 *
 * @param verify whether the file's hashes are computed and compared: always, where the index has some, or never
 */
export function openShard(where: string, folder: string, shard: MdsShard, verify: Verify): OpenShard {
  const { path, source } = openSource(where, folder, shard, verify);
  try {
    const offsets = readOffsets(path, source, shard, where);
    return new ShardSamples(where, path, source, offsets);
  } catch (error) {
    source.close();
    throw error;
  }
}

const fault = (where: string, path: string, what: string, cause?: unknown): EngineError =>
  new EngineError(where, `${path}: ${what}`, DAMAGED, { cause });

function openSource(
  where: string,
  folder: string,
  { rawData, zipData, compression, hashes }: MdsShard,
  verify: Verify,
): { path: string; source: Source } {
  const raw = join(folder, rawData.basename);
  const how = { listed: hashes, must: verify === "always" };
  try {
    if (verify !== "never" && existsSync(raw)) checkHashes(where, raw, rawData.hashes, how);
    return { path: raw, source: fileSource(raw) };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (!missing && error instanceof EngineError) throw error;
    if (!missing || !zipData || compression === null) throw fault(where, raw, (error as Error).message, error);
  }
  const path = join(folder, zipData.basename);
  try {
    const packed = readFileSync(path);
    if (packed.length !== zipData.bytes) {
      throw new Error(`it has ${packed.length} bytes, but the index says ${zipData.bytes}`);
    }
    if (verify !== "never") checkHashes(where, path, zipData.hashes, { ...how, data: packed });
    return { path, source: memorySource(decompress(packed, compression, rawData.bytes)) };
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw fault(where, path, (error as Error).message, error);
  }
}

function fileSource(path: string): Source {
  const file = openSync(path, "r");
  return {
    size: fstatSync(file).size,
    data: null,
    read(into, position) {
      let done = 0;
      while (done < into.length) {
        const bytes = readSync(file, into, done, into.length - done, position + done);
        if (bytes === 0) break;
        done += bytes;
      }
      return done;
    },
    close: () => closeSync(file),
  };
}

function memorySource(data: Buffer): Source {
  return { size: data.length, data, read: (into, position) => data.copy(into, 0, position), close: () => {} };
}

/** The places of the samples, `[samples + 1]`, checked against each other and the file. */
function readOffsets(path: string, source: Source, shard: MdsShard, where: string): Uint32Array {
  const { samples, rawData } = shard;
  if (source.size !== rawData.bytes) {
    throw fault(where, path, `it has ${source.size} bytes, but the index says ${rawData.bytes}`);
  }
  const end = 4 + 4 * (samples + 1);
  if (end > source.size) throw fault(where, path, `${source.size} bytes are too few for ${samples} samples`);
  const head = Buffer.alloc(end);
  if (source.read(head, 0) < end) throw fault(where, path, "it became shorter while it was read");
  const stated = head.readUInt32LE(0);
  if (stated !== samples) throw fault(where, path, `it says ${stated} samples, but the index says ${samples}`);
  const offsets = new Uint32Array(samples + 1);
  let before = end;
  for (let i = 0; i <= samples; i++) {
    const at = head.readUInt32LE(4 + 4 * i);
    if (at < before || at > source.size) {
      const what = i === 0 ? "the samples start" : `sample ${i - 1} ends`;
      throw fault(where, path, `${what} at byte ${at}, outside of ${before} to ${source.size}`);
    }
    offsets[i] = at;
    before = at;
  }
  if (before !== source.size) throw fault(where, path, `its samples end at byte ${before} of ${source.size}`);
  return offsets;
}

class ShardSamples implements OpenShard {
  readonly bytes: number;
  readonly #where: string;
  readonly #path: string;
  readonly #source: Source;
  readonly #offsets: Uint32Array;
  /** The bytes of the file from `#from` on that were read last. */
  #block: Buffer = Buffer.alloc(0);
  #from = 0;
  #last = -1;

  constructor(where: string, path: string, source: Source, offsets: Uint32Array) {
    this.#where = where;
    this.#path = path;
    this.#source = source;
    this.#offsets = offsets;
    this.bytes = offsets.byteLength + (source.data?.length ?? 0);
  }

  sample(i: number): Buffer {
    const [begin, end] = [this.#offsets[i]!, this.#offsets[i + 1]!];
    if (this.#source.data) return this.#source.data.subarray(begin, end);
    const inOrder = i === this.#last + 1;
    this.#last = i;
    if (begin < this.#from || end > this.#from + this.#block.length) {
      const length = inOrder ? Math.max(end - begin, Math.min(AHEAD, this.#source.size - begin)) : end - begin;
      const block = this.#room(length);
      const read = this.#source.read(block, begin);
      if (read < end - begin) throw this.damaged(i, "the file became shorter while it was read");
      this.#block = block.subarray(0, read);
      this.#from = begin;
    }
    return this.#block.subarray(begin - this.#from, end - this.#from);
  }

  damaged(sample: number, what: string): EngineError {
    return fault(this.#where, this.#path, `sample ${sample}: ${what}`);
  }

  close(): void {
    this.#source.close();
  }

  /** The earlier block's memory where it is large enough. */
  #room(length: number): Buffer {
    const { buffer, byteLength } = this.#block;
    if (byteLength === 0 || buffer.byteLength < length) return Buffer.from(new ArrayBuffer(length));
    return Buffer.from(buffer, 0, length);
  }
}
