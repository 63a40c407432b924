/** The data of each step: rows, batches, and where the next step begins. */
import type { BatchSampler } from "../data/batch-sampler.ts";
import { EngineError } from "../errors.ts";
import type { Collator, RowSource, Sized } from "./collator.ts";

/** Where the data stands between two steps. */
export interface DataPosition {
  readonly epoch: number;
  /** Batches of the epoch that have been used. */
  readonly batches: number;
}

/** All batches of one optimizer step. */
export interface StepBatches<Batch> {
  readonly batches: readonly { readonly batch: Batch; readonly firstSequence: number }[];
  /** Numbers of the rows, batch after batch. */
  readonly rows: readonly number[];
  readonly tokens: number;
  readonly sequences: number;
  /** Where the next step begins. */
  readonly next: DataPosition;
  /** Epochs seen after this step. */
  readonly epoch: number;
  readonly endsEpoch: boolean;
  /** No step follows. */
  readonly isLast: boolean;
}

export interface StepBatchesOptions<R, Batch extends Sized> {
  readonly dataset: RowSource<R>;
  readonly source: BatchSampler;
  readonly collator: Collator<R, Batch>;
  readonly seed: number;
  /** Batches of the step at which so many tokens have been seen. */
  readonly batchesPerStep: (tokensSeen: number) => number;
  /** Where the run ends: the first that is reached. */
  readonly end: { readonly epochs: number; readonly steps: number; readonly tokens: number };
  readonly from: DataPosition & { readonly step: number; readonly tokensSeen: number };
}

/** Batches step by step. Accumulation does not cross epochs: an epoch's last step has what is left. */
export async function* stepBatches<R, Batch extends Sized>(
  options: StepBatchesOptions<R, Batch>,
): AsyncGenerator<StepBatches<Batch>, void, undefined> {
  const { dataset, source, collator, seed, batchesPerStep, end } = options;
  let { step, tokensSeen } = options.from;
  let skip = options.from.batches;
  for (let epoch = options.from.epoch; epoch < end.epochs; epoch++, skip = 0) {
    const lists = peekable(source.batches(epoch));
    for (let i = 0; i < skip && !lists.done; i++) lists.next();
    let used = skip;
    if (lists.done && skip === 0) {
      throw new EngineError(
        "train",
        `epoch ${epoch} of a dataset of ${dataset.length} rows has no batch`,
        "Give it rows, or lower perDeviceTrainBatchSize, or set dataloaderDropLast: false.",
      );
    }
    while (!lists.done) {
      if (step >= end.steps || tokensSeen >= end.tokens) return;
      const batches: { batch: Batch; firstSequence: number }[] = [];
      const rows: number[] = [];
      let [tokens, sequences] = [0, 0];
      for (let i = batchesPerStep(tokensSeen); i > 0 && !lists.done; i--) {
        const numbers = lists.next();
        const batch = await collator(dataset.rows(numbers), { seed, epoch, step, firstSequence: sequences });
        checkSized(batch);
        batches.push({ batch, firstSequence: sequences });
        for (const number of numbers) rows.push(number);
        tokens += batch.tokenCount;
        sequences += batch.sequenceCount;
        used++;
      }
      step++;
      tokensSeen += tokens;
      const endsEpoch = lists.done;
      yield {
        batches,
        rows,
        tokens,
        sequences,
        next: endsEpoch ? { epoch: epoch + 1, batches: 0 } : { epoch, batches: used },
        epoch: endsEpoch ? epoch + 1 : epoch + used / Math.max(source.batchesPerEpoch, used + 1),
        endsEpoch,
        isLast: step >= end.steps || tokensSeen >= end.tokens || (endsEpoch && epoch + 1 >= end.epochs),
      };
    }
  }
}

function checkSized({ tokenCount, sequenceCount }: Sized): void {
  for (const [name, value] of Object.entries({ tokenCount, sequenceCount })) {
    if (Number.isSafeInteger(value) && value >= 0) continue;
    throw new EngineError("train", `a batch of the collator has ${name} ${value}`, "Give every batch both counts.");
  }
}

/** One batch ahead, so that an epoch's last step is known as such. */
function peekable<T>(items: Iterable<T>): { readonly done: boolean; next(): T } {
  const iterator = items[Symbol.iterator]();
  let ahead = iterator.next();
  return {
    get done() {
      return ahead.done === true;
    },
    next() {
      const value = ahead.value as T;
      ahead = iterator.next();
      return value;
    },
  };
}

/** Asks for the next value of a generator before the one in hand is used up. */
export class OneAhead<T> {
  private readonly source: AsyncGenerator<T, void, undefined>;
  private coming: Promise<IteratorResult<T, void>> | null = null;

  constructor(source: AsyncGenerator<T, void, undefined>) {
    this.source = source;
  }

  /** Begins to prepare the next value. An error waits until that value is asked for. */
  prepare(): void {
    if (this.coming) return;
    this.coming = this.source.next();
    this.coming.catch(() => {});
  }

  async next(): Promise<T | null> {
    this.prepare();
    const result = await this.coming!;
    this.coming = null;
    return result.done ? null : result.value;
  }

  async close(): Promise<void> {
    await this.coming?.catch(() => {});
    await this.source.return();
  }
}
