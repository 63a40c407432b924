import { EngineError } from "../errors.ts";

export interface BatchQueueOptions<Item> {
  /**
   * Milliseconds that an item waits for others when nothing runs. What comes while a batch runs waits for its end alone.
   *
   * @default 2
   */
  maxWait?: number;
  /** Most items in a batch. @default 64 */
  maxItems?: number;
  /** Most that the `sizeOf` of a batch's items may add up to; a larger item goes alone. @default no limit */
  maxSize?: number;
  /** What an item counts against `maxSize`: its tokens, or its characters. @default 1 */
  sizeOf?: (item: Item) => number;
  /** Most items that wait; one more is a `QueueFullError`. @default 1000 */
  maxQueued?: number;
}

/** There is no room: the caller should come back later. */
export class QueueFullError extends EngineError {
  /** Seconds after which half of what waits should be done, from the speed so far; at least 1. */
  readonly retryAfter: number;

  constructor(queued: number, retryAfter: number) {
    super("BatchQueue.add", `${queued} items wait already`, `Come back in ${retryAfter} s, or set maxQueued higher.`);
    this.retryAfter = retryAfter;
  }
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly size: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
}

/**
 * Collects items that arrive one by one into batches, for a model that is faster on several at once: requests of a
 * server. One batch runs at a time; what arrives meanwhile makes the next one.
 *
 *     const queue = new BatchQueue((texts: readonly string[], signal) => model.encodeQuery(texts, { signal }));
 *     const embedding = await queue.add("one text"); // computed together with those of other callers
 *     await queue.close(); // takes no more, and waits for what it has
 *
 * A batch that fails is run again item by item, so that an error reaches the item that caused it and no other.
 */
export class BatchQueue<Item, Result> {
  readonly #run: (items: readonly Item[], signal: AbortSignal) => Promise<readonly Result[]>;
  readonly #options: Required<BatchQueueOptions<Item>>;
  #waiting: Waiting<Item, Result>[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #running = 0;
  #closing: { readonly done: Promise<void>; readonly finish: () => void } | null = null;
  #secondsPerItem = 0.01;

  /** @param run results in the items' order; its signal is aborted when nobody waits for the batch any more */
  constructor(
    run: (items: readonly Item[], signal: AbortSignal) => Promise<readonly Result[]>,
    options: BatchQueueOptions<Item> = {},
  ) {
    this.#run = run;
    this.#options = {
      maxWait: limit("maxWait", options.maxWait ?? 2, 0),
      maxItems: limit("maxItems", options.maxItems ?? 64, 1),
      maxSize: limit("maxSize", options.maxSize ?? Number.POSITIVE_INFINITY, 0),
      maxQueued: limit("maxQueued", options.maxQueued ?? 1000, 1),
      sizeOf: options.sizeOf ?? (() => 1),
    };
  }

  /** Items that wait for their batch. */
  get queued(): number {
    return this.#waiting.length;
  }

  /** Items of the batch that runs. */
  get running(): number {
    return this.#running;
  }

  /**
   * The result for an item.
   *
   * @param options.signal takes the item out of the queue; in a batch that runs, its result is dropped
   * @throws QueueFullError where `maxQueued` items wait; EngineError after `close`
   */
  add(item: Item, { signal }: { signal?: AbortSignal } = {}): Promise<Result> {
    if (this.#closing) {
      return Promise.reject(new EngineError("BatchQueue.add", "the queue is closed", "Make another one."));
    }
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#waiting.length >= this.#options.maxQueued) {
      const seconds = Math.ceil((this.#waiting.length / 2) * this.#secondsPerItem);
      return Promise.reject(new QueueFullError(this.#waiting.length, Math.max(1, seconds)));
    }
    return new Promise((resolve, reject) => {
      const entry: Waiting<Item, Result> = {
        item,
        size: this.#options.sizeOf(item),
        resolve,
        reject,
        signal,
        onAbort: () => {
          const at = this.#waiting.indexOf(entry);
          if (at >= 0) this.#waiting.splice(at, 1);
          reject(signal?.reason);
        },
      };
      signal?.addEventListener("abort", entry.onAbort, { once: true });
      this.#waiting.push(entry);
      this.#plan();
    });
  }

  /** Takes no more items. @returns when all that were taken are done */
  close(): Promise<void> {
    if (!this.#closing) {
      let finish = () => {};
      const done = new Promise<void>((resolve) => {
        finish = resolve;
      });
      this.#closing = { done, finish };
      this.#plan();
    }
    return this.#closing.done;
  }

  /** Starts a batch now or later, or does nothing while one runs. */
  #plan(): void {
    if (this.#running > 0) return;
    if (this.#waiting.length === 0) {
      if (this.#closing) this.#closing.finish();
      return;
    }
    const { maxWait, maxItems, maxSize } = this.#options;
    const size = this.#waiting.reduce((sum, each) => sum + each.size, 0);
    if (this.#closing || maxWait === 0 || this.#waiting.length >= maxItems || size >= maxSize) void this.#start();
    else this.#timer ??= setTimeout(() => void this.#start(), maxWait);
  }

  async #start(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const batch = this.#take();
    if (batch.length === 0) return this.#plan();
    this.#running = batch.length;
    const started = performance.now();
    await this.#settle(batch);
    const seconds = (performance.now() - started) / 1000 / batch.length;
    this.#secondsPerItem += 0.2 * (seconds - this.#secondsPerItem);
    this.#running = 0;
    // Who waits has waited for this batch already.
    if (this.#waiting.length > 0) void this.#start();
    else this.#plan();
  }

  /** The first items that fit together. */
  #take(): Waiting<Item, Result>[] {
    const { maxItems, maxSize } = this.#options;
    let [count, size] = [0, 0];
    while (count < this.#waiting.length && count < maxItems) {
      size += this.#waiting[count]!.size;
      if (count > 0 && size > maxSize) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #settle(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    const stop = new AbortController();
    const watch = () => {
      if (batch.every(({ signal }) => signal?.aborted)) stop.abort(batch[0]!.signal!.reason);
    };
    for (const { signal } of batch) signal?.addEventListener("abort", watch, { once: true });
    try {
      const items = batch.map(({ item }) => item);
      const results = await this.#run(items, stop.signal);
      if (results.length !== items.length) {
        throw new EngineError(
          "BatchQueue",
          `${items.length} items had ${results.length} results`,
          "Return one for each, in their order.",
        );
      }
      batch.forEach((entry, i) => {
        entry.resolve(results[i]!);
      });
    } catch (error) {
      if (batch.length === 1 || stop.signal.aborted) for (const { reject } of batch) reject(error);
      else for (const entry of batch) if (!entry.signal?.aborted) await this.#settle([entry]);
    } finally {
      for (const { signal, onAbort } of batch) {
        signal?.removeEventListener("abort", watch);
        signal?.removeEventListener("abort", onAbort);
      }
    }
  }
}

function limit(name: string, value: number, least: number): number {
  if (value >= least) return value;
  throw new EngineError("BatchQueue", `${name} is ${value}`, `Use a number from ${least}.`);
}
