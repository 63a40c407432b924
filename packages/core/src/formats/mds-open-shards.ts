import type { MdsShard } from "./mds-index.ts";
import { type OpenShard, openShard, type Verify } from "./mds-shard.ts";

/** Open files at a time. */
const MOST_FILES = 256;

const DEFAULT_CACHE = 2 ** 28;

/** The shards that were used last, held open: so many files, so many decompressed bytes. */
export class OpenShards {
  readonly #folder: string;
  readonly #shards: readonly MdsShard[];
  readonly #verify: Verify;
  readonly #limit: number;
  /** The longest unused first. */
  readonly #open = new Map<number, OpenShard>();
  readonly #verified = new Set<number>();
  #bytes = 0;

  constructor(
    folder: string,
    shards: readonly MdsShard[],
    { verifyHashes, cacheBytes = DEFAULT_CACHE }: { verifyHashes?: boolean; cacheBytes?: number },
  ) {
    this.#folder = folder;
    this.#shards = shards;
    this.#verify = verifyHashes === undefined ? "where hashed" : verifyHashes ? "always" : "never";
    this.#limit = cacheBytes;
  }

  get(i: number): OpenShard {
    const found = this.#open.get(i);
    if (found) {
      if (this.#open.size > 1) {
        this.#open.delete(i); // to the end: used last
        this.#open.set(i, found);
      }
      return found;
    }
    const verify = this.#verified.has(i) ? "never" : this.#verify;
    const opened = openShard("MdsReader", this.#folder, this.#shards[i]!, verify);
    this.#verified.add(i);
    this.#bytes += opened.bytes;
    for (const [old, shard] of this.#open) {
      if (this.#open.size < MOST_FILES && this.#bytes <= this.#limit) break;
      shard.close();
      this.#open.delete(old);
      this.#bytes -= shard.bytes;
    }
    this.#open.set(i, opened);
    return opened;
  }

  close(): void {
    for (const shard of this.#open.values()) shard.close();
    this.#open.clear();
    this.#bytes = 0;
  }
}
