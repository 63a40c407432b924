// node terminate.mjs [rounds]: ends 8 workers in the middle of a product, again and again. Each has a stream with work
// in its queue, some wait for a read or for the ids of texts as well; what the main thread computes meanwhile must come out right.
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { loadAddon } from "@ettin/native";

const WORKERS = 8;
const SIZE = 384;
const FLOAT32 = 0;

if (isMainThread) await main(Number(process.argv[2] ?? 100));
else work(workerData);

async function main(rounds) {
  const mine = device();
  for (let round = 0; round < rounds; round++) {
    const workers = Array.from(
      { length: WORKERS },
      (_, i) => new Worker(new URL(import.meta.url), { workerData: round + i }),
    );
    mine.product();
    const read = mine.read();
    await Promise.all(workers.map((worker) => once(worker, "message"))); // their products are queued
    await new Promise((resolve) => setTimeout(resolve, round % 6));
    const codes = await Promise.all(workers.map((worker) => worker.terminate()));
    if (codes.some((code) => code !== 1)) throw new Error(`round ${round}: the workers ended with ${codes}`);
    const values = new Float32Array(await read);
    if (!values.every((value) => value === SIZE)) throw new Error(`round ${round}: a product came out wrong`);
  }
  console.log(`${rounds} rounds, ${rounds * WORKERS} workers terminated`);
}

function work(number) {
  const mine = device();
  for (let i = 0; i < 500; i++) mine.product();
  if (number % 3) encode();
  if (number % 2) mine.read();
  parentPort.postMessage("busy");
  setInterval(() => {}, 1000);
}

/** A batch of texts in the background, and a tokenizer that nobody closes. */
function encode() {
  const addon = loadAddon();
  const none = new Int32Array(0);
  const tokenizer = addon.openTokenizer({
    byteIds: Int32Array.from({ length: 256 }, (_, byte) => byte),
    ...{ left: none, right: none, merged: none, addedIds: none, addedFlags: none, wordIds: none },
    ...{ addedBytes: new Uint8Array(0), wordBytes: new Uint8Array(0) },
    ...{ addedOffsets: new Int32Array(1), wordOffsets: new Int32Array(1) },
    ...{ normalForm: true, prefixSpace: false, wholeWords: false, digits: 0, pattern: 1 },
  });
  const text = new Uint8Array(1 << 20).fill(97);
  addon.encodeTexts(tokenizer, text, new Float64Array([0, 1 << 18, 1 << 19, 1 << 20]));
}

/** A device of this thread with one product of ones to compute: the addon's own surface, without core. */
function device() {
  const addon = loadAddon();
  const { id } = addon.openDevice("", 2, 0);
  const bytes = SIZE * SIZE * 4;
  const [x, y] = [addon.allocate(id, bytes), addon.allocate(id, bytes)];
  addon.upload(id, x, 0, new Float32Array(SIZE * SIZE).fill(1));
  const matmul = addon.kernels.findIndex(({ name }) => name === "matmul");
  const view = (storage) => [storage, 0, FLOAT32, 2, SIZE, SIZE, SIZE, 1];
  return {
    product() {
      addon.commands.set([...view(y), ...view(x), ...view(x)]);
      addon.enqueue(id, matmul);
    },
    read: () => addon.download(id, y, 0, bytes),
  };
}
