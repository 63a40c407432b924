import { readFileSync } from "node:fs";
import { EngineError } from "../errors.ts";
import { tensorScope } from "../tensor/scope.ts";
import { noGrad } from "../tensor/tape.ts";
import { Tensor } from "../tensor/tensor.ts";
import { Corpus, type CorpusType, exactSearch, readRows } from "./exact.ts";

/** A stored row's numbers, bytes of bits or halves. */
export type StoredArray = Float32Array | Uint16Array | Int8Array | Uint8Array;

interface Block {
  /** Number of its first row. */
  readonly start: number;
  rows: number;
  /** null: a mapped file. */
  readonly data: StoredArray | null;
  readonly capacity: number;
  corpus: Corpus | null;
}

/** The best rows of each query: `scores` and `rows` are `[queries, k]`, row −1 where there are no more. */
export interface BestRows {
  readonly k: number;
  readonly scores: Float32Array;
  readonly rows: Int32Array;
}

const FIRST_BYTES = 1 << 18;
const MOST_BYTES = 1 << 26;
/** Places of results that one call of the kernel makes. */
const PLACES_AT_ONCE = 1 << 20;

const ARRAYS = { float32: Float32Array, bfloat16: Uint16Array, int8: Int8Array, bits: Uint8Array } as const;

/**
 * Rows of one type that only grow: in blocks, so that growing copies nothing and a search that is under way is not
 * disturbed. The first block may be a mapped file.
 */
export class VectorBlocks {
  readonly type: CorpusType;
  /** Numbers in a row; signs where the type is bits. */
  readonly width: number;
  /** Entries of the array for a row. */
  readonly entries: number;
  readonly #blocks: Block[] = [];
  #disposed = false;

  constructor(type: CorpusType, width: number) {
    this.type = type;
    this.width = width;
    this.entries = type === "bits" ? width / 8 : width;
  }

  /** Over a file's rows: mapped, where the system's files can be. */
  static open(path: string, type: CorpusType, width: number): VectorBlocks {
    const blocks = new VectorBlocks(type, width);
    if (process.platform === "win32") {
      const { buffer, byteOffset, byteLength } = readFileSync(path);
      blocks.append(new ARRAYS[type](buffer.slice(byteOffset, byteOffset + byteLength)));
      return blocks;
    }
    const corpus = Corpus.open(path, { dim: width, type });
    blocks.#blocks.push({ start: 0, rows: corpus.rows, data: null, capacity: corpus.rows, corpus });
    return blocks;
  }

  get rows(): number {
    const last = this.#blocks.at(-1);
    return last ? last.start + last.rows : 0;
  }

  get rowBytes(): number {
    return this.entries * ARRAYS[this.type].BYTES_PER_ELEMENT;
  }

  /** Whether rows lie in a file. */
  get isMapped(): boolean {
    return this.#blocks[0]?.data === null;
  }

  /** Makes room for rows. What throws for want of memory is this, not `append`. */
  reserve(rows: number): void {
    const last = this.#blocks.at(-1);
    if (last?.data && last.capacity - last.rows >= rows) return;
    // A block that is not full ends where it is: the next begins there.
    const bytes = Math.min(MOST_BYTES, Math.max(FIRST_BYTES, this.rows * this.rowBytes));
    const capacity = Math.max(rows, Math.floor(bytes / this.rowBytes), 1);
    const data = new ARRAYS[this.type](capacity * this.entries);
    this.#blocks.push({ start: this.rows, rows: 0, data, capacity, corpus: null });
  }

  /** Adds rows for which there is room in one block. */
  append(rows: StoredArray): void {
    const count = rows.length / this.entries;
    this.reserve(count);
    const block = this.#blocks.at(-1)!;
    block.data!.set(rows, block.rows * this.entries);
    block.rows += count;
    block.corpus?.dispose();
    block.corpus = null;
  }

  /** The `k` best rows of each of many queries, `[queries, width]`. */
  async search(queries: Float32Array, k: number, signal?: AbortSignal): Promise<BestRows> {
    const count = queries.length / this.width;
    const best: BestRows = { k, scores: new Float32Array(count * k), rows: new Int32Array(count * k) };
    const most = Math.min(256, Math.max(1, Math.floor(PLACES_AT_ONCE / k)));
    for (let start = 0; start < count; start += most) {
      signal?.throwIfAborted();
      const end = Math.min(count, start + most);
      const found = await Promise.all(this.#searchBlocks(queries.subarray(start * this.width, end * this.width), k));
      merge(best, found, start, end);
    }
    return best;
  }

  #searchBlocks(queries: Float32Array, k: number): Promise<BlockHits>[] {
    const count = queries.length / this.width;
    const blocks = this.#blocks.filter(({ rows }) => rows > 0);
    const corpora = blocks.map((block) => this.#corpusOf(block)); // they outlive the scope
    return noGrad(() =>
      tensorScope(() => {
        const tensor = Tensor.from(queries, { shape: [count, this.width] });
        return blocks.map(async ({ start, rows }, i) => {
          const kept = Math.min(k, rows);
          const found = exactSearch(tensor, corpora[i]!, kept);
          const [scores, numbers] = await Promise.all([found.scores.data(), found.rows.data()]);
          return { start, kept, scores: scores as Float32Array, rows: numbers as Int32Array };
        });
      }),
    );
  }

  #corpusOf(block: Block): Corpus {
    if (this.#disposed) {
      throw new EngineError("VectorIndex", "the index was disposed while it was in use", "Await what it does first.");
    }
    if (!block.corpus) {
      const used = block.data!.subarray(0, block.rows * this.entries);
      block.corpus = Corpus.from(used, { dim: this.width, type: this.type });
    }
    return block.corpus;
  }

  /** Rows by number, in that order, as they are stored. */
  async read(rows: Int32Array): Promise<StoredArray> {
    const [first] = this.#blocks;
    if (this.#blocks.length === 1) return new ARRAYS[this.type](await this.#gather(first!, rows));
    const { entries } = this;
    const out = new ARRAYS[this.type](rows.length * entries);
    const blockOf = rows.map((row) => this.#blockOf(row));
    await Promise.all(
      this.#blocks.map(async (block, number) => {
        const places: number[] = [];
        for (let i = 0; i < rows.length; i++) if (blockOf[i] === number) places.push(i);
        if (places.length === 0) return;
        const local = Int32Array.from(places, (i) => rows[i]! - block.start);
        const found = new ARRAYS[this.type](await this.#gather(block, local));
        for (const [i, place] of places.entries()) {
          out.set(found.subarray(i * entries, (i + 1) * entries), place * entries);
        }
      }),
    );
    return out;
  }

  #blockOf(row: number): number {
    let number = this.#blocks.length - 1;
    while (this.#blocks[number]!.start > row) number--;
    return number;
  }

  #gather(block: Block, rows: Int32Array): Promise<ArrayBuffer> {
    const corpus = this.#corpusOf(block);
    return tensorScope(() => [readRows(corpus, Tensor.from(rows, { device: corpus.device }))])[0]!;
  }

  dispose(): void {
    this.#disposed = true;
    for (const { corpus } of this.#blocks) corpus?.dispose();
  }
}

interface BlockHits {
  readonly start: number;
  readonly kept: number;
  readonly scores: Float32Array;
  readonly rows: Int32Array;
}

/** Puts what blocks found for queries `start` to `end` in order: by score, equal ones by row. */
function merge(best: BestRows, found: readonly BlockHits[], start: number, end: number): void {
  const { k } = best;
  const at = new Int32Array(found.length);
  for (let query = start; query < end; query++) {
    at.fill(0);
    for (let place = 0; place < k; place++) {
      let from = -1;
      let score = Number.NEGATIVE_INFINITY;
      found.forEach(({ kept, scores, rows }, block) => {
        const i = (query - start) * kept + at[block]!;
        // Blocks are in the order of their rows, so that the first of equals has the lower row.
        if (at[block]! < kept && rows[i]! >= 0 && (from < 0 || scores[i]! > score)) {
          from = block;
          score = scores[i]!;
        }
      });
      const to = query * k + place;
      best.scores[to] = score;
      best.rows[to] = -1;
      if (from < 0) continue;
      const hits = found[from]!;
      best.rows[to] = hits.start + hits.rows[(query - start) * hits.kept + at[from]!]!;
      at[from]!++;
    }
  }
}
