/** What a place to keep and search vectors can do, whatever is behind it. */

/** How near two vectors are; higher is nearer. "euclidean" is the negated distance. */
export type VectorMetric = "cosine" | "dot" | "euclidean";

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Hit {
  readonly id: string;
  /** Cosine, dot product, or the negated Euclidean distance. */
  readonly score: number;
  readonly metadata: Json;
}

/** One stored vector: of cosine its direction, at length 1. */
export interface IndexItem {
  readonly id: string;
  readonly vector: Float32Array;
  readonly metadata: Json;
}

/** Vectors: one array each, or all of them in one array, one after the other. */
export type VectorRows = readonly ArrayLike<number>[] | Float32Array;

export interface IndexItems {
  /** Any strings, each once. An id that the index has already is replaced, its metadata too. */
  readonly ids: readonly string[];
  /** As many as there are ids, of the index's dimension. */
  readonly vectors: VectorRows;
  /** What comes back with a hit and what filters see. @default null for all */
  readonly metadata?: readonly Json[];
}

export interface AddOptions {
  /** Called with the number of vectors that are in, from time to time. */
  onProgress?: (done: number, total: number) => void;
  /** Stops between vectors; those that are in stay. */
  signal?: AbortSignal;
}

export interface SearchOptions {
  /**
   * Most hits.
   *
   * @default 10
   */
  k?: number;
  /** Only items for which it says true. It must not change the index. */
  filter?: (id: string, metadata: Json) => boolean;
  /**
   * HNSW: how many candidates a search keeps, at least `k`; more find more and take longer.
   *
   * @default the index's
   */
  ef?: number;
  /**
   * Exact, stored in fewer bits: `k` times this many candidates are scored again with the float vectors.
   *
   * @default 4
   */
  rescoreMultiplier?: number;
  signal?: AbortSignal;
}

/**
 * Vectors by id, with metadata. Searches may run while vectors are added or deleted; changes take their turns.
 *
 *     const index = await createIndex({ dim: 384 });
 *     await index.add({ ids: ["a", "b"], vectors, metadata: [{ lang: "en" }, { lang: "de" }] });
 *     const hits = await index.search(query, { k: 5, filter: (id, metadata) => metadata.lang === "en" });
 *     await index.save("passages.index"); // openIndex("passages.index") has it again
 *     index.dispose();
 */
export interface VectorIndex {
  readonly kind: "exact" | "hnsw";
  /** Numbers in a vector. */
  readonly dim: number;
  readonly metric: VectorMetric;
  /** Vectors in it. */
  readonly size: number;
  /** Fingerprint of the model that made the vectors, as it was given; see `modelFingerprint`. */
  readonly model: string | null;

  /**
   * Adds vectors, or replaces those whose ids are there. All of them are looked at before the first is added.
   *
   * @throws EngineError for an id that is there twice, another dimension, or a number that is not finite; it names the id
   */
  add(items: IndexItems, options?: AddOptions): Promise<void>;
  /** Forgets ids. @returns how many of them were there */
  delete(ids: readonly string[]): Promise<number>;
  has(id: string): boolean;
  get(id: string): Promise<IndexItem | null>;
  /** All ids, in no particular order. */
  ids(): IterableIterator<string>;
  /** The nearest items, nearest first. */
  search(query: ArrayLike<number>, options?: SearchOptions): Promise<Hit[]>;
  /** The same for many queries at once, which takes less time than one by one. */
  searchBatch(queries: VectorRows, options?: SearchOptions): Promise<Hit[][]>;
  /**
   * Writes the index as it is at the call to a folder, for `openIndex`. The folder's old index stays until the new one
   * is whole and on the disk: a crash leaves one or the other. One process at a time saves to a folder.
   */
  save(folder: string): Promise<void>;
  /** Frees memory and threads. */
  dispose(): void;
}
