import type { BatchSampler, ResolvedBatchSamplerOptions } from "./batch-sampler.ts";
import { batchCount } from "./batch-sampler.ts";
import { MinHeap } from "./min-heap.ts";
import { NumpyGenerator } from "./numpy-generator.ts";
import { type ValueIds, valueIds } from "./value-ids.ts";

/** Not compared: the name that rows of several datasets carry. */
const DATASET_NAME = "dataset_name";

/**
 * Batches in which no value occurs twice. The rule, over a random order of the rows: a batch takes every row of which
 * no value is in it yet, in that order, until it is full; rows that were passed over come first in the next batch. A
 * batch that comes to the end of the rows is given as it is, or dropped with its rows.
 *
 * Going over all waiting rows for every batch would cost their number each time. Here a row waits in the queue of a
 * value that stands in its way, and only the first of a queue is looked at.
 */
export function noDuplicates(options: ResolvedBatchSamplerOptions): BatchSampler {
  const { dataset, batchSize, dropLast, seed, labelColumns } = options;
  const columns = dataset.columnNames.filter((name) => !labelColumns.includes(name) && name !== DATASET_NAME);
  let values: ValueIds | null = null; // of the rows, the same in all epochs
  return {
    batchesPerEpoch: batchCount(dataset.length, batchSize, dropLast),
    *batches(epoch) {
      values ??= valueIds(dataset, columns);
      const order = new NumpyGenerator(seed + epoch).permutation(dataset.length);
      for (const batch of batchesOf(order, values, batchSize)) {
        if (batch.length === batchSize || !dropLast) yield batch;
      }
    },
  };
}

/** @param order row numbers; below, a place is one in this order */
function* batchesOf(order: Int32Array, { ids, columns, count }: ValueIds, batchSize: number): Generator<number[]> {
  /** For each value the number of the last batch that has it. */
  const batchOf = new Int32Array(count);
  /** Places that wait for a value to be free. */
  const queues = new Map<number, MinHeap>();
  /** The first place of every queue, with its value; some that are first no longer. */
  const heads = new MinHeap();
  let [next, left, number] = [0, order.length, 0];

  while (left > 0) {
    number++;
    const batch: number[] = [];
    const held = new Set<number>(); // queues of values in the batch: none of their rows can join it

    const inTheWay = (place: number): number => {
      const row = order[place]! * columns;
      for (let i = row; i < row + columns; i++) if (ids[i]! >= 0 && batchOf[ids[i]!] === number) return ids[i]!;
      return -1;
    };
    const take = (place: number): void => {
      const row = order[place]!;
      batch.push(row);
      left--;
      for (let i = row * columns; i < (row + 1) * columns; i++) if (ids[i]! >= 0) batchOf[ids[i]!] = number;
    };
    const wait = (place: number, value: number): void => {
      const queue = queues.get(value) ?? new MinHeap();
      queues.set(value, queue);
      queue.push(place);
      held.add(value);
    };

    while (batch.length < batchSize) {
      const place = heads.smallest;
      if (place !== undefined) {
        const value = heads.pop();
        const queue = queues.get(value);
        if (queue?.smallest !== place) continue; // it has gone, or another is before it
        if (batchOf[value] === number) {
          held.add(value);
          continue;
        }
        const other = inTheWay(place);
        queue.pop();
        if (other < 0) take(place);
        else wait(place, other);
        if (queue.size === 0) queues.delete(value);
        else if (batchOf[value] === number) held.add(value);
        else heads.push(queue.smallest!, value);
      } else if (next < order.length) {
        const value = inTheWay(next);
        if (value < 0) take(next);
        else wait(next, value);
        next++;
      } else break;
    }
    for (const value of held) {
      const first = queues.get(value)?.smallest;
      if (first !== undefined) heads.push(first, value);
    }
    yield batch;
  }
}
