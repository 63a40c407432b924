/**
 * Greedy best-fit packing, as ModernBERT's trainer does it: sequences go into rows of a fixed number of tokens, each into
 * the fullest row that still has room. A row here is a group of sequences, of one micro-batch's tokens at most; nothing
 * is padded, and sequences of a row see each other no more than those of any packed batch.
 */
import { EngineError } from "@ettin/core";

export interface PackingOptions<T> {
  /** The tokens of an item. Items of 0 are skipped. */
  length: (item: T) => number;
  /**
   * The rows of a batch: batch size / micro-batch size. A function gives them for the tokens packed so far, for a batch
   * size that warms up.
   */
  rows: number | ((tokensSeen: number) => number);
  /** The tokens that fit in a row: micro-batch size × maxSeqLen. */
  rowLength: number;
  /** The most items of one batch of the source. */
  sourceBatchSize: number;
  /**
   * The most items that wait.
   *
   * @default 5 × sourceBatchSize
   */
  bufferSize?: number;
  /**
   * Tokens packed before, in an interrupted run.
   *
   * @default 0
   */
  tokensSeen?: number;
}

/** One packed batch. */
export interface PackedRows<T> {
  /** The items of each row, in the order in which they were put there. None is empty. */
  readonly rows: readonly (readonly T[])[];
  /** Of this batch. */
  readonly tokens: number;
  /** Of all batches so far, this one included, whatever is masked in them. */
  readonly tokensSeen: number;
  /** `tokens` as a share of what the rows could hold. */
  readonly efficiency: number;
}

/**
 * Packs batches of items. It ends with the first batch that would leave a row empty; what is left then is not packed.
 *
 * @throws EngineError for an item that is longer than a row
 */
export function* packBestFit<T>(source: Iterable<readonly T[]>, options: PackingOptions<T>): Generator<PackedRows<T>> {
  const batches = source[Symbol.iterator]();
  const packing = packer(options);
  try {
    for (let next = packing.next(); !next.done; ) {
      if (next.value === NEEDS_BATCH) {
        const batch = batches.next();
        next = packing.next(batch.done ? null : batch.value);
      } else {
        yield next.value;
        next = packing.next();
      }
    }
  } finally {
    batches.return?.();
  }
}

/** `packBestFit` for a source that is read as it goes. */
export async function* packBestFitAsync<T>(
  source: AsyncIterable<readonly T[]>,
  options: PackingOptions<T>,
): AsyncGenerator<PackedRows<T>> {
  const batches = source[Symbol.asyncIterator]();
  const packing = packer(options);
  try {
    for (let next = packing.next(); !next.done; ) {
      if (next.value === NEEDS_BATCH) {
        const batch = await batches.next();
        next = packing.next(batch.done ? null : batch.value);
      } else {
        yield next.value;
        next = packing.next();
      }
    }
  } finally {
    await batches.return?.();
  }
}

/** What the packer yields when it wants a batch of the source, to be given by `next`; null at its end. */
const NEEDS_BATCH = null;

/** An item with its length, which may have been read from a file. */
interface Waiting<T> {
  readonly item: T;
  readonly tokens: number;
}

type Packer<T> = Generator<PackedRows<T> | typeof NEEDS_BATCH, void, readonly T[] | null | undefined>;

function* packer<T>(options: PackingOptions<T>): Packer<T> {
  const { length, rowLength, sourceBatchSize } = options;
  const { bufferSize = 5 * sourceBatchSize } = options;
  const rowsFor = typeof options.rows === "function" ? options.rows : () => options.rows as number;
  checkSizes({ rowLength, sourceBatchSize, bufferSize });
  if (bufferSize <= sourceBatchSize) {
    throw new EngineError(
      "packBestFit",
      `bufferSize is ${bufferSize}, and a batch of the source ${sourceBatchSize}`,
      "The buffer takes more than one batch.",
    );
  }
  let { tokensSeen = 0 } = options;
  let waiting: Waiting<T>[] = [];

  function* refill(request: number): Generator<typeof NEEDS_BATCH, number, readonly T[] | null | undefined> {
    let added = 0;
    // A batch that would fill the buffer exactly stays out: so does the trainer whose batches these are to be.
    while (bufferSize - waiting.length > sourceBatchSize && added + sourceBatchSize <= request) {
      const batch = yield NEEDS_BATCH;
      if (!batch) break;
      for (const item of batch) {
        const tokens = length(item);
        if (tokens === 0) continue;
        waiting.push({ item, tokens });
        added++;
      }
    }
    return added;
  }

  yield* refill(Number.POSITIVE_INFINITY);
  for (;;) {
    const count = rowsFor(tokensSeen);
    checkSizes({ rows: count });
    const rows: T[][] = Array.from({ length: count }, () => []);
    const space = new Array<number>(count).fill(rowLength);
    const setAside: Waiting<T>[] = [];
    for (let front = 0; ; front++) {
      if (front === waiting.length) {
        [waiting, front] = [[], 0];
        if ((yield* refill(bufferSize - setAside.length)) === 0) break;
      }
      const next = waiting[front]!;
      const { item, tokens } = next;
      if (!(tokens <= rowLength)) {
        throw new EngineError(
          "packBestFit",
          `an item has ${tokens} tokens, and a row ${rowLength}`,
          "Cut the sequences, or take longer rows.",
        );
      }
      const row = fullestWithRoom(space, tokens);
      if (row === -1) setAside.push(next);
      else {
        rows[row]!.push(item);
        space[row]! -= tokens;
      }
    }
    waiting = setAside.reverse(); // pushed back to the front one at a time
    if (rows.some((row) => row.length === 0)) return;

    const tokens = count * rowLength - space.reduce((sum, left) => sum + left, 0);
    tokensSeen += tokens;
    yield { rows, tokens, tokensSeen, efficiency: tokens / (count * rowLength) };
  }
}

/** The row with the least space that is enough; of equals the first. -1: none has enough. */
function fullestWithRoom(space: readonly number[], tokens: number): number {
  let best = -1;
  for (let row = 0; row < space.length; row++) {
    if (space[row]! >= tokens && (best === -1 || space[row]! < space[best]!)) best = row;
  }
  return best;
}

function checkSizes(sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (!(Number.isInteger(size) && size >= 1)) {
      throw new EngineError("packBestFit", `${name} is ${size}`, "Use a whole number from 1 on.");
    }
  }
}
