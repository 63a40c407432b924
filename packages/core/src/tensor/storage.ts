import type { Backend, StorageId } from "../backend/contract.ts";

/**
 * The memory behind tensors, counted by its owners: handles, the tape, and holders (parameters, gradients, optimizer
 * state, caches). It goes back to the backend with the last of them.
 */
export class Storage {
  owners = 0;
  /** Counts writes in place, so that the tape notices when a saved tensor was changed. */
  version = 0;
  /** What a small int32 tensor was made from, so that offsets can be checked without waiting. */
  hostValues: Int32Array | null = null;

  readonly id: StorageId;
  readonly backend: Backend;
  /** Kept alive as long as the storage: the array that a wrapped storage lies over. */
  readonly wrapped: unknown;

  constructor(id: StorageId, backend: Backend, wrapped: unknown = null) {
    this.id = id;
    this.backend = backend;
    this.wrapped = wrapped;
    live++;
  }

  retain(): this {
    this.owners++;
    return this;
  }

  release(): void {
    if (--this.owners > 0) return;
    live--;
    if (batch) batch.push(this);
    else this.backend.release([this.id]);
  }
}

let live = 0;
let batch: Storage[] | null = null;

/** Storages that somebody owns now: what a leak check compares. */
export const liveStorages = (): number => live;

/** Inside `run` storages are released as they would be outside of `releaseTogether`: for work that needs their memory. */
export function releaseAtOnce<T>(run: () => T): T {
  const outer = batch;
  batch = null;
  try {
    return run();
  } finally {
    batch = outer;
  }
}

/** Releases made by `run` reach each backend as one call. */
export function releaseTogether<T>(run: () => T): T {
  if (batch) return run();
  const mine: Storage[] = [];
  batch = mine;
  try {
    return run();
  } finally {
    batch = null;
    const byBackend = new Map<Backend, StorageId[]>();
    for (const storage of mine) {
      const ids = byBackend.get(storage.backend);
      if (ids) ids.push(storage.id);
      else byBackend.set(storage.backend, [storage.id]);
    }
    for (const [backend, ids] of byBackend) backend.release(ids);
  }
}
