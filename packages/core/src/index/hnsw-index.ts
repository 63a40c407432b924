import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { checkedItems, checkedK, checkedQueries } from "./check-vectors.ts";
import { checkHnswFile, type HnswFile } from "./hnsw-file.ts";
import { HnswWorker } from "./hnsw-worker.ts";
import { type FileToSave, saveIndexFolder } from "./index-folder.ts";
import type { HnswSettings, Manifest } from "./index-manifest.ts";
import type { IndexSettings } from "./index-options.ts";
import { ItemTable } from "./item-table.ts";
import { Pauses } from "./pauses.ts";
import { Turns } from "./turns.ts";
import type {
  AddOptions,
  Hit,
  IndexItem,
  IndexItems,
  SearchOptions,
  VectorIndex,
  VectorMetric,
  VectorRows,
} from "./vector-index.ts";

/** Vectors that the thread adds before it may search: about 20 ms. */
const ADD_AT_ONCE = 16;
const SEARCH_AT_ONCE = 64;
const LEAST_PLACES = 1024;

/**
 * A graph of neighbours (hierarchical navigable small world) of the library hnswlib, which lives in a thread of its own.
 * A place is a label of hnswlib's, from 0 on. A deleted item's place is marked there, and given to a later one.
 *
 * @see https://arxiv.org/abs/1603.09320
 */
export class HnswIndex implements VectorIndex {
  readonly kind = "hnsw" as const;
  readonly dim: number;
  readonly metric: VectorMetric;
  readonly model: string | null;
  readonly #worker: HnswWorker;
  readonly #table: ItemTable;
  readonly #settings: Omit<HnswSettings, "places">;
  readonly #turns = new Turns();
  #room: number;
  #disposed = false;

  /** For `startHnsw` and `openHnsw`. */
  constructor(
    worker: HnswWorker,
    table: ItemTable,
    about: { dim: number; metric: VectorMetric; model: string | null },
    settings: Omit<HnswSettings, "places">,
    room: number,
  ) {
    this.dim = about.dim;
    this.metric = about.metric;
    this.model = about.model;
    this.#worker = worker;
    this.#table = table;
    this.#settings = settings;
    this.#room = room;
  }

  get size(): number {
    return this.#table.size;
  }

  async add(items: IndexItems, { onProgress, signal }: AddOptions = {}): Promise<void> {
    const where = "VectorIndex.add";
    this.#check(where);
    const vectors = await checkedItems(items, { where, dim: this.dim, unit: false }, signal);
    const ids = [...items.ids]; // the caller's may change while others have their turn
    const metadata = items.metadata ? [...items.metadata] : null;
    await this.#turns.take(async () => {
      this.#check(where);
      for (let start = 0; start < ids.length; start += ADD_AT_ONCE) {
        signal?.throwIfAborted();
        const end = Math.min(ids.length, start + ADD_AT_ONCE);
        await this.#addSome(
          ids.slice(start, end),
          vectors.slice(start * this.dim, end * this.dim),
          metadata?.slice(start, end) ?? null,
        );
        onProgress?.(end, ids.length);
      }
    });
  }

  /** The table changes when the thread has: what a search brings is told by the table that was right for it. */
  async #addSome(ids: readonly string[], rows: Float32Array, metadata: IndexItems["metadata"] | null): Promise<void> {
    const table = this.#table;
    const reused: number[] = [];
    let end = table.length;
    const labels = Uint32Array.from(ids, (id) => {
      const known = table.placeOf(id);
      if (known !== undefined) return known;
      const free = table.reuse();
      if (free === undefined) return end++;
      reused.push(free);
      return free;
    });
    try {
      if (end > this.#room) {
        const places = Math.max(end, Math.ceil(this.#room * 1.5));
        await this.#worker.call("resize", { places });
        this.#room = places;
      }
      await this.#worker.call("add", { labels, rows });
    } catch (error) {
      for (const place of reused) table.giveBack(place);
      throw error;
    }
    ids.forEach((id, i) => {
      table.set(labels[i]!, id, metadata?.[i] ?? null);
    });
  }

  async delete(ids: readonly string[]): Promise<number> {
    const where = "VectorIndex.delete";
    this.#check(where);
    return this.#turns.take(async () => {
      const known = [...new Set(ids)].filter((id) => this.has(id));
      const labels = Uint32Array.from(known, (id) => this.#table.placeOf(id)!);
      if (known.length > 0) await this.#worker.call("delete", { labels });
      for (const id of known) this.#table.delete(id);
      return known.length;
    });
  }

  has(id: string): boolean {
    return this.#table.placeOf(id) !== undefined;
  }

  async get(id: string): Promise<IndexItem | null> {
    this.#check("VectorIndex.get");
    const label = this.#table.placeOf(id);
    if (label === undefined) return null;
    const metadata = this.#table.metadataAt(label);
    return { id, vector: (await this.#worker.call("get", { label })).row, metadata };
  }

  ids(): IterableIterator<string> {
    return this.#table.ids();
  }

  async search(query: ArrayLike<number>, options?: SearchOptions): Promise<Hit[]> {
    return (await this.searchBatch([query], options))[0]!;
  }

  async searchBatch(queries: VectorRows, options: SearchOptions = {}): Promise<Hit[][]> {
    const where = "VectorIndex.search";
    this.#check(where);
    const { filter, signal } = options;
    const wanted = checkedK(where, options);
    const rows = await checkedQueries(queries, { where, dim: this.dim, unit: false });
    this.#check(where);
    const count = rows.length / this.dim;
    const results: Hit[][] = [];
    if (this.size === 0) return Array.from({ length: count }, () => []);
    const allowed = filter ? await this.#allowed(filter, signal) : null;
    for (let start = 0; start < count; start += SEARCH_AT_ONCE) {
      signal?.throwIfAborted();
      const k = Math.min(wanted, Math.max(1, this.size));
      const ef = Math.max(options.ef ?? this.#settings.ef, k);
      const part = rows.slice(start * this.dim, (start + SEARCH_AT_ONCE) * this.dim);
      const { labels, distances } = await this.#worker.call("search", { rows: part, k, ef, allowed });
      for (let at = 0; at < labels.length; at += k) {
        const hits: Hit[] = [];
        for (let i = at; i < at + k && labels[i]! >= 0; i++) {
          const hit = this.#table.hit(labels[i]!, this.#scoreOf(distances[i]!));
          if (hit) hits.push(hit);
        }
        results.push(hits);
      }
    }
    return results;
  }

  /** hnswlib's distances: 1 − dot product, and the square of Euclid's. */
  #scoreOf(distance: number): number {
    return this.metric === "euclidean" ? -Math.sqrt(Math.max(0, distance)) : 1 - distance;
  }

  /** 1 for each place whose item the filter takes: the thread cannot call it. */
  async #allowed(filter: NonNullable<SearchOptions["filter"]>, signal?: AbortSignal): Promise<Uint8Array> {
    const allowed = new Uint8Array(this.#room);
    const pauses = new Pauses(signal);
    for (let place = 0; place < this.#table.length; place++) {
      const id = this.#table.idAt(place);
      if (id !== null && filter(id, this.#table.metadataAt(place))) allowed[place] = 1;
      if (place % 256 === 255) await pauses.take();
    }
    return allowed;
  }

  async save(folder: string): Promise<void> {
    const where = "VectorIndex.save";
    this.#check(where);
    await this.#turns.take(async () => {
      this.#check(where);
      const { dim, metric, model } = this;
      const table = this.#table;
      const places = table.length;
      const items = Array.from({ length: places }, (_, place) => {
        const id = table.idAt(place);
        return id === null ? null : ([id, table.metadataAt(place)] as const);
      });
      const graph: FileToSave = { name: "graph", write: (path) => this.#write(where, path, places) };
      await saveIndexFolder(folder, {
        about: { kind: "hnsw", dim, metric, model, hnsw: { ...this.#settings, places } },
        items,
        files: places > 0 ? [graph] : [],
      });
    });
  }

  /** hnswlib does not say when a disk is full: what it wrote is read again. */
  async #write(where: string, path: string, places: number): Promise<void> {
    await this.#worker.call("write", { path });
    const { count } = await checkHnswFile(where, path, this.dim);
    if (count === places) return;
    throw new EngineError(where, `${path} has ${count} elements, but there are ${places}`, "Save again.");
  }

  dispose(): void {
    this.#disposed = true;
    this.#worker.close();
  }

  #check(where: string): void {
    if (!this.#disposed) return;
    throw new EngineError(where, "the index was disposed", "Use it before dispose(), or open it again.");
  }
}

/** An index without vectors. */
export async function startHnsw(where: string, settings: IndexSettings): Promise<HnswIndex> {
  const { dim, metric, m, efConstruction, ef, seed, expected } = settings;
  const worker = await HnswWorker.start(where, dim, metric);
  const places = Math.max(LEAST_PLACES, expected);
  await closeIfFails(worker, () => worker.call("create", { places, m, efConstruction, seed }));
  return new HnswIndex(worker, new ItemTable(), settings, { m, efConstruction, ef }, places);
}

/** A saved one, whose files are whole. */
export async function openHnsw(
  where: string,
  folder: string,
  manifest: Manifest,
  table: ItemTable,
): Promise<HnswIndex> {
  const { dim, metric, hnsw, files } = manifest;
  const { places, ...settings } = hnsw!;
  const path = places > 0 ? join(folder, files.graph!.name) : null;
  const checked = path === null ? null : await checkHnswFile(where, path, dim);
  if (checked) checkAgainst(where, path!, checked, table, hnsw!);
  const worker = await HnswWorker.start(where, dim, metric);
  return closeIfFails(worker, async () => {
    const { m, efConstruction } = settings;
    const room = Math.max(LEAST_PLACES, checked?.room ?? 0);
    if (path !== null) {
      await worker.call("read", { path });
      if (room > checked!.room) await worker.call("resize", { places: room });
    } else await worker.call("create", { places: room, m, efConstruction, seed: 100 });
    return new HnswIndex(worker, table, manifest, settings, room);
  });
}

function checkAgainst(where: string, path: string, file: HnswFile, table: ItemTable, settings: HnswSettings): void {
  const refuse = (what: string): never => {
    throw new EngineError(where, `${path} ${what}`, "Its files are not of one save: build and save the index again.");
  };
  if (file.count !== settings.places) refuse(`has ${file.count} elements, but index.json ${settings.places}`);
  if (file.m !== settings.m) refuse(`has M ${file.m}, but index.json ${settings.m}`);
  file.labels.forEach((label, place) => {
    if (label >= file.count) refuse(`has label ${label} for element ${place} of ${file.count}`);
    if ((table.idAt(label) === null) !== (file.deleted[place] === 1)) {
      refuse(`has element ${place} ${file.deleted[place] ? "deleted" : "alive"}, but the items say otherwise`);
    }
  });
  if (new Set(file.labels).size !== file.count) refuse("has a label twice");
}

export async function closeIfFails<T>(worker: HnswWorker, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    worker.close();
    throw error;
  }
}
