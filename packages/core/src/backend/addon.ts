/** The addon's surface, typed by hand: native/binding/addon.cpp. */
import type { Bytes, MemoryStats, StorageId } from "./contract.ts";

export interface Addon {
  /** Instruction-set levels that this machine runs, ascending. */
  readonly levels: readonly string[];
  /** One row per kernel: its name, and one letter per argument (native/binding/arguments.h). */
  readonly kernels: readonly { readonly name: string; readonly signature: string }[];
  /** Where the arguments of the next `enqueue` are written. */
  readonly commands: Float64Array;

  /** Empty level, 0 threads: the defaults. */
  openDevice(level: string, threads: number): { id: number; level: string; threads: number };
  closeDevice(device: number): void;
  /** -1 when there is not enough memory. */
  allocate(device: number, bytes: number): StorageId;
  release(device: number, storages: Int32Array, count: number): void;
  /** A number: nothing has happened, because there is no memory for that many bytes of a weight to be unpacked. */
  enqueue(device: number, kernel: number): number | undefined;
  /** Returns like `enqueue`. */
  upload(device: number, storage: StorageId, byteOffset: number, data: Bytes): number | undefined;
  /** Rejects with a string. */
  download(device: number, storage: StorageId, byteOffset: number, bytes: number): Promise<ArrayBuffer>;
  synchronize(device: number): Promise<void>;
  wrap(device: number, data: Bytes): StorageId;
  mapFile(device: number, path: string): { storage: StorageId; bytes: number };
  setWeight(device: number, storage: StorageId): void;
  memoryStats(device: number): MemoryStats;
}
