/** In a process of its own: how fast a file is loaded and its rows are read, and the memory that takes. */
import { batchSampler, loadDataset, numberColumn, textColumn } from "@ettin/core";

export interface DataFigures {
  readonly rows: number;
  /** Seconds. */
  readonly load: number;
  readonly inOrder: number;
  readonly shuffled: number;
  readonly batches: number;
  /** Bytes, at most. */
  readonly resident: number;
  readonly heap: number;
}

interface Pair {
  readonly [column: string]: unknown;
  readonly id: number;
  readonly anchor: string;
  readonly positive: string;
  readonly score: number;
}

let heap = 0;
const seconds = async (work: () => unknown): Promise<number> => {
  const begin = performance.now();
  await work();
  heap = Math.max(heap, process.memoryUsage().heapUsed);
  return (performance.now() - begin) / 1000;
};

const { file } = JSON.parse(process.argv[2]!) as { file: string };
let dataset = null as unknown as Awaited<ReturnType<typeof loadDataset<Pair>>>;
const load = await seconds(async () => {
  dataset = await loadDataset<Pair>(file);
});
let sum = 0;
const inOrder = await seconds(() => {
  for (const row of dataset) sum += row.anchor.length + row.positive.length;
});
const shuffled = await seconds(() => {
  for (const row of dataset.shuffle({ seed: 1 })) sum += row.positive.length;
});
const batches = await seconds(() => {
  for (const batch of batchSampler({ dataset, batchSize: 32 }).batches(0)) {
    const rows = dataset.rows(batch);
    sum += textColumn("bench", rows, "anchor").length + textColumn("bench", rows, "positive").length;
    sum += numberColumn("bench", rows, "score").length;
  }
});
const resident = process.resourceUsage().maxRSS * 1024;
const figures: DataFigures = { rows: dataset.length, load, inOrder, shuffled, batches, resident, heap };
console.log(JSON.stringify(sum > 0 ? figures : null));
