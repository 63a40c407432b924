/** The addon's surface, typed by hand: native/binding/addon.cpp. */
import type { Bytes, MemoryStats, StorageId } from "./contract.ts";

/** What a library of CUDA kernels finds on this machine. Versions as CUDA writes them: 13000 is 13.0. */
export interface CudaReport {
  /** The newest CUDA that the driver runs; 0: no driver. */
  readonly driver: number;
  /** The CUDA that the library was built with. */
  readonly runtime: number;
  /** 130200 is 13.2.0; 0: not found. */
  readonly cublaslt: number;
  /** Its file, or why it was not found. */
  readonly cublasltName: string;
  /** By number; empty where there is none, or no driver that fits. */
  readonly gpus: readonly CudaGpu[];
}

export interface CudaGpu {
  readonly name: string;
  /** Compute capability: 9 and 0 are sm_90. */
  readonly major: number;
  readonly minor: number;
  readonly multiprocessors: number;
  /** Bytes, `free` at the time of the report. */
  readonly memory: number;
  readonly free: number;
}

export interface Addon {
  /** Instruction-set levels that this machine runs, ascending. */
  readonly levels: readonly string[];
  /** One row per kernel: its name, and one letter per argument (native/binding/arguments.h). */
  readonly kernels: readonly { readonly name: string; readonly signature: string }[];
  /** Where the arguments of the next `enqueue` are written. */
  readonly commands: Float64Array;

  /** Empty level, 0 threads: the defaults; `memory`: bytes, where the process has less than the machine, else 0. */
  openDevice(level: string, threads: number, memory: number): { id: number; level: string; threads: number };
  /** Throws "what. Way out." */
  probeCuda(library: string): CudaReport;
  /** A device number like that of `openDevice`. Throws "what. Way out." */
  openCuda(library: string, gpu: number): { id: number; gpu: CudaGpu };
  closeDevice(device: number): void;
  /** -1 when there is not enough memory. */
  allocate(device: number, bytes: number): StorageId;
  release(device: number, storages: Int32Array, count: number): void;
  /** A number: nothing has happened, because there is no memory for that many bytes of a weight to be unpacked. */
  enqueue(device: number, kernel: number): number | undefined;
  /** From here on kernels are kept for a graph. Throws where one is being captured. */
  beginGraph(device: number): void;
  /** Queues them as one: a graph's number, or -1 where they had to be queued one by one, as they are if it is not kept. */
  endGraph(device: number, keep: boolean): number;
  /** Queues them again; false, and nothing is queued, where a weight that they touch lies elsewhere by now. */
  runGraph(device: number, graph: number): boolean;
  dropGraph(device: number, graph: number): void;
  /** Returns like `enqueue`. */
  upload(device: number, storage: StorageId, byteOffset: number, data: Bytes): number | undefined;
  /** Rejects with a string. */
  download(device: number, storage: StorageId, byteOffset: number, bytes: number): Promise<ArrayBuffer>;
  synchronize(device: number): Promise<void>;
  /** -1 when there is not enough memory on a GPU, which gets a copy; so for `mapFile`'s storage. */
  wrap(device: number, data: Bytes): StorageId;
  mapFile(device: number, path: string): { storage: StorageId; bytes: number };
  setWeight(device: number, storage: StorageId): void;
  memoryStats(device: number): MemoryStats;

  /** Byte-level BPE: a number for `encodeText` and `encodeTexts`. */
  openTokenizer(description: TokenizerDescription): number;
  closeTokenizer(tokenizer: number): void;
  /** The ids of the first `count` bytes, a text in UTF-8. */
  encodeText(tokenizer: number, bytes: Uint8Array, count: number): Int32Array;
  /**
   * Text i is `bytes[offsets[i]]` up to `bytes[offsets[i + 1]]`; the bytes must not change before `done` says that
   * `takeEncoded` has the ids. It rejects with a string.
   */
  encodeTexts(
    tokenizer: number,
    bytes: Uint8Array,
    offsets: Float64Array,
  ): { readonly batch: number; readonly done: Promise<unknown> };
  takeEncoded(batch: number): { readonly ids: Int32Array; readonly offsets: Int32Array };
}

/** How a byte-level BPE tokenizer works: native/tokenizer/tokenizer.h. */
export interface TokenizerDescription {
  /** `[256]`: the token of each byte. */
  readonly byteIds: Int32Array;
  /** `[merges]` each, by rank. */
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly merged: Int32Array;
  /** Added tokens: their texts in UTF-8, where each starts and the last ends, ids, and `ADDED_FLAGS`. */
  readonly addedBytes: Uint8Array;
  readonly addedOffsets: Int32Array;
  readonly addedIds: Int32Array;
  readonly addedFlags: Int32Array;
  /** The vocabulary's words, as bytes; only with `wholeWords`. */
  readonly wordBytes: Uint8Array;
  readonly wordOffsets: Int32Array;
  readonly wordIds: Int32Array;
  readonly normalForm: boolean;
  readonly prefixSpace: boolean;
  readonly wholeWords: boolean;
  /** 0 not split, 1 runs, 2 one by one. */
  readonly digits: 0 | 1 | 2;
  /** 0 none, 1 GPT-2's, 2 Llama 3's, 3 Qwen 2's. */
  readonly pattern: 0 | 1 | 2 | 3;
}

export const ADDED_FLAGS = { lstrip: 1, rstrip: 2, normalized: 4 } as const;
