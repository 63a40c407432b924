/** What mining holds beside the vectors does not grow with the number of scores. */
import { communityDetection, memoryStats, paraphraseMiningEmbeddings, semanticSearch } from "@ettin/core";
import { expect, test } from "vitest";

const DIM = 16;

/** Vectors of length 1 that differ; of `count` none is near another by chance alone. */
const vectors = (count: number): Float32Array[] =>
  Array.from({ length: count }, (_, i) => {
    const row = Float32Array.from({ length: DIM }, (_, j) => Math.sin((i + 1) * (j + 1) * 12.9898) % 1);
    const length = Math.hypot(...row);
    return row.map((x) => x / length);
  });

/** The most bytes of tensors, and of the device's own working memory, that there were so far in this file. */
async function held(run: () => Promise<unknown>): Promise<number> {
  await run();
  const { peak, scratchPeak } = memoryStats();
  return peak + scratchPeak;
}

const small = vectors(3000);
const CHUNK = 500;

const MEGABYTE = 1 << 20; // all scores of 3,000 with 3,000 would be 36
const searched = (rows: Float32Array[], scoreFunction: "cosine" | "manhattan") =>
  held(() => semanticSearch(rows, rows, { topK: 5, corpusChunkSize: CHUNK, scoreFunction }));

test("semanticSearch holds as much for nine times the scores: a piece of the corpus", async () => {
  const few = await searched(small.slice(0, 1000), "cosine");
  expect(few).toBeGreaterThan(CHUNK * DIM * 4);
  expect(await searched(small, "cosine")).toBe(few);
  expect(few).toBeLessThan(MEGABYTE / 4);
});

test("paraphraseMining holds a piece, too, and keeps the best pairs that were asked for", async () => {
  let pairs: readonly unknown[] = [];
  const most = await held(async () => {
    const limits = { corpusChunkSize: CHUNK, queryChunkSize: 200, maxPairs: 50, topK: 20 };
    pairs = await paraphraseMiningEmbeddings(small, limits);
  });
  expect(pairs.length).toBeLessThanOrEqual(50);
  expect(most).toBeLessThan(MEGABYTE);
});

test("communityDetection holds no matrix of scores", async () => {
  const most = await held(() => communityDetection(small, { batchSize: 100, threshold: 0.99 }));
  expect(most).toBeLessThan(2 * MEGABYTE);
});

test("a similarity that is not the kernel's holds a piece of scores", async () => {
  const few = await searched(small.slice(0, 1000), "manhattan");
  expect(await searched(small, "manhattan")).toBe(few);
  expect(few).toBeLessThan(16 * MEGABYTE);
});
