import { EngineError } from "../errors.ts";
import { checkedItems, checkedK, checkedQueries } from "./check-vectors.ts";
import { type ExactRows, rowWidth } from "./exact-rows.ts";
import { type FileToSave, saveIndexFolder } from "./index-folder.ts";
import { ItemTable } from "./item-table.ts";
import { Pauses } from "./pauses.ts";
import { rankCandidates } from "./rank-candidates.ts";
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

/** Rows of deleted items are searched over until there are this many and a third of all. */
const DEAD_ROWS = 1000;

/**
 * Looks at every vector. A row is an item's for good: an item that is replaced gets a new row, and now and then the
 * rows that nobody has are left out of a copy. So a search goes on with the rows and the table that it began with.
 */
export class ExactIndex implements VectorIndex {
  readonly kind = "exact" as const;
  readonly dim: number;
  readonly metric: VectorMetric;
  readonly model: string | null;
  readonly #turns = new Turns();
  #rows: ExactRows;
  #table: ItemTable;
  #disposed = false;

  /** For `createIndex` and `openIndex`. Places of the table are numbers of rows. */
  constructor(rows: ExactRows, table: ItemTable, model: string | null) {
    this.dim = rows.format.dim;
    this.metric = rows.format.metric;
    this.model = model;
    this.#rows = rows;
    this.#table = table;
  }

  get size(): number {
    return this.#table.size;
  }

  async add(items: IndexItems, { onProgress, signal }: AddOptions = {}): Promise<void> {
    const where = "VectorIndex.add";
    this.#check(where);
    const vectors = await checkedItems(items, { where, dim: this.dim, unit: this.metric === "cosine" }, signal);
    const ids = [...items.ids]; // the caller's may change while others have their turn
    const metadata = items.metadata ? [...items.metadata] : null;
    await this.#turns.take(async () => {
      const pauses = new Pauses(signal);
      this.#check(where);
      const rows = this.#rows;
      rows.reserve(ids.length);
      for (let start = 0; start < ids.length; start += rows.slice) {
        const end = Math.min(ids.length, start + rows.slice);
        const first = rows.rows;
        rows.append(vectors.subarray(start * this.dim, end * this.dim));
        for (let i = start; i < end; i++) this.#table.set(first + i - start, ids[i]!, metadata?.[i] ?? null);
        onProgress?.(end, ids.length);
        await pauses.take();
      }
      if (rows.isCalibrationDue) this.#rows = await rows.calibrated(pauses);
      await this.#sweep();
    });
  }

  async delete(ids: readonly string[]): Promise<number> {
    this.#check("VectorIndex.delete");
    return this.#turns.take(async () => {
      let count = 0;
      for (const id of ids) if (this.#table.delete(id) !== undefined) count++;
      await this.#sweep();
      return count;
    });
  }

  has(id: string): boolean {
    return this.#table.placeOf(id) !== undefined;
  }

  async get(id: string): Promise<IndexItem | null> {
    this.#check("VectorIndex.get");
    const row = this.#table.placeOf(id);
    if (row === undefined) return null;
    const metadata = this.#table.metadataAt(row);
    return { id, vector: await this.#rows.read(Int32Array.of(row)), metadata };
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
    const k = checkedK(where, options);
    const unit = this.metric === "cosine";
    const checked = await checkedQueries(queries, { where, dim: this.dim, unit });
    this.#check(where);
    return rankCandidates(this.#rows, this.#table, checked, { ...options, k });
  }

  async save(folder: string): Promise<void> {
    this.#check("VectorIndex.save");
    await this.#turns.take(async () => {
      this.#check("VectorIndex.save");
      const [rows, table] = [this.#rows, this.#table];
      const live = table.live();
      const files: FileToSave[] = [];
      for (const [name, blocks] of [
        ["vectors", rows.vectors],
        ["codes", rows.codes],
      ] as const) {
        if (blocks) files.push({ name, write: slices(live, rows.slice, (part) => blocks.read(part)) });
      }
      const { storage, keepVectors } = rows.format;
      await saveIndexFolder(folder, {
        about: {
          kind: "exact",
          dim: this.dim,
          metric: this.metric,
          model: this.model,
          exact: { storage, keepVectors, ranges: rows.ranges, width: rowWidth(rows.format) },
        },
        items: Array.from(live, (row) => [table.idAt(row)!, table.metadataAt(row)] as const),
        files,
      });
    });
  }

  dispose(): void {
    this.#disposed = true;
    this.#rows.dispose();
  }

  /** Leaves out the rows that nobody has, if there are many. Those of a file stay: they cost no memory. */
  async #sweep(): Promise<void> {
    const { freed, length } = this.#table;
    if (freed < DEAD_ROWS || freed * 3 < length || this.#rows.isMapped || this.#disposed) return;
    const [rows, table] = [this.#rows, new ItemTable()];
    const live = this.#table.live();
    const copy = await rows.copyOf(live, new Pauses());
    live.forEach((row, place) => {
      table.set(place, this.#table.idAt(row)!, this.#table.metadataAt(row));
    });
    this.#rows = copy; // searches that are under way have the old ones, which are collected after them
    this.#table = table;
  }

  #check(where: string): void {
    if (!this.#disposed) return;
    throw new EngineError(where, "the index was disposed", "Use it before dispose(), or open it again.");
  }
}

async function* slices(
  rows: Int32Array,
  size: number,
  read: (rows: Int32Array) => Promise<ArrayBufferView>,
): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < rows.length; start += size) {
    const { buffer, byteOffset, byteLength } = await read(rows.subarray(start, start + size));
    yield new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  }
}
