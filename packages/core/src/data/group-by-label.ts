import { EngineError } from "../errors.ts";
import type { BatchSampler, ResolvedBatchSamplerOptions } from "./batch-sampler.ts";
import { NumpyGenerator } from "./numpy-generator.ts";

const WHERE = "batchSampler";

/**
 * Batches of several labels with at least two rows each, for losses that look for triplets in a batch: labels give two
 * rows in turn, in an order that is drawn for every round, until fewer than two labels have any left.
 */
export function groupByLabel(options: ResolvedBatchSamplerOptions): BatchSampler {
  const { batchSize, dropLast, seed } = options;
  if (batchSize < 4 || batchSize % 2 === 1) {
    throw new EngineError(WHERE, `batchSize is ${batchSize}`, "With group_by_label it is even and at least 4.");
  }
  const groups = rowsByLabel(options).filter((rows) => rows.length >= 2);
  if (groups.length < 2) {
    throw new EngineError(
      WHERE,
      `${groups.length} labels have two rows or more`,
      "group_by_label needs two such labels: use batch_sampler.",
    );
  }
  const pairs = groups.map((rows) => rows.length >> 1).sort((a, b) => b - a);
  const rows = 2 * pairs.reduce((sum, count) => sum + Math.min(count, pairs[1]!), 0); // as long as two labels have some
  const [full, rest] = [Math.floor(rows / batchSize), rows % batchSize];
  return {
    batchesPerEpoch: full + (!dropLast && rest >= 4 ? 1 : 0),
    *batches(epoch) {
      const generator = new NumpyGenerator(seed + epoch);
      const queues = groups.map((group) => {
        const shuffled = group.slice(0, group.length & ~1);
        generator.shuffle(shuffled);
        return { rows: shuffled, used: 0 };
      });
      let left = queues;
      let batch: number[] = [];
      while (left.length >= 2) {
        const labels = [...left];
        generator.shuffle(labels);
        for (const queue of labels) {
          batch.push(queue.rows[queue.used++]!, queue.rows[queue.used++]!);
          if (batch.length < batchSize) continue;
          yield batch;
          batch = [];
        }
        left = labels.filter((queue) => queue.used < queue.rows.length);
      }
      if (!dropLast && batch.length >= 4) yield batch;
    },
  };
}

/** In order of the labels' first rows. */
function rowsByLabel({ dataset, labelColumns }: ResolvedBatchSamplerOptions): Int32Array[] {
  const column = labelColumns.find((name) => dataset.columnNames.includes(name));
  if (column === undefined) {
    throw new EngineError(
      WHERE,
      `none of the columns is called ${labelColumns.join(", ")}`,
      `Columns are ${dataset.columnNames.join(", ")}: name the one with labels in labelColumns.`,
    );
  }
  const numbers = new Map<unknown, number>();
  const labelOf = new Int32Array(dataset.length);
  const counts: number[] = [];
  let row = 0;
  for (const label of dataset.column(column)) {
    if (label === null || Number.isNaN(label) || typeof label === "object") {
      throw new EngineError(
        WHERE,
        `the label ${JSON.stringify(column)} is ${JSON.stringify(label)} in ${dataset.place(row)}`,
        "Give every row a number or a text as its label.",
      );
    }
    let number = numbers.get(label);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(label, number);
      counts.push(0);
    }
    labelOf[row++] = number;
    counts[number]!++;
  }
  const groups = counts.map((count) => new Int32Array(count));
  const used = new Int32Array(groups.length);
  for (let i = 0; i < row; i++) groups[labelOf[i]!]![used[labelOf[i]!]!++] = i;
  return groups;
}
