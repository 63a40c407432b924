import { setTimeout as sleep } from "node:timers/promises";
import { BatchQueue, QueueFullError } from "@ettin/core";
import { describe, expect, test } from "vitest";

/** A queue whose batches end when told, and the batches that it ran. */
function held<Item>(options: ConstructorParameters<typeof BatchQueue<Item, string>>[1] = {}) {
  const batches: { items: readonly Item[]; signal: AbortSignal; end: () => void; fail: (error: Error) => void }[] = [];
  const queue = new BatchQueue<Item, string>(
    (items, signal) =>
      new Promise((resolve, reject) => {
        batches.push({ items, signal, end: () => resolve(items.map((item) => `done ${item}`)), fail: reject });
      }),
    { maxWait: 0, ...options },
  );
  return { queue, batches };
}

test("what arrives while a batch runs makes the next one, and everyone gets the own result", async () => {
  const { queue, batches } = held<string>();
  const all = ["a", "b", "c"].map((item) => queue.add(item));
  expect([batches.length, queue.running, queue.queued]).toEqual([1, 1, 2]);
  batches[0]!.end();
  expect(await all[0]).toBe("done a");
  await sleep(1);
  expect(batches[1]!.items).toEqual(["b", "c"]);
  batches[1]!.end();
  expect(await Promise.all(all)).toEqual(["done a", "done b", "done c"]);
  expect([queue.running, queue.queued]).toEqual([0, 0]);
});

test("an item waits maxWait for company when nothing runs; a full batch does not wait", async () => {
  const sizes: number[] = [];
  const run = async (items: readonly number[]) => {
    sizes.push(items.length);
    return items;
  };
  const patient = new BatchQueue(run, { maxWait: 20, maxItems: 3 });
  const first = patient.add(1);
  await sleep(1);
  expect(sizes).toEqual([]);
  await Promise.all([first, patient.add(2)]);
  expect(sizes).toEqual([2]);
  const began = performance.now();
  await Promise.all([1, 2, 3].map((item) => patient.add(item)));
  expect(sizes).toEqual([2, 3]);
  expect(performance.now() - began).toBeLessThan(19);
});

test("batches keep to maxItems and maxSize, and an item above maxSize goes alone", async () => {
  const { queue, batches } = held<number>({ maxItems: 3, maxSize: 10, sizeOf: (item) => item });
  const all = [1, 4, 6, 1, 20, 2, 2, 2, 2].map((item) => queue.add(item));
  for (let i = 0; i < batches.length; i++) {
    batches[i]!.end();
    await sleep(1);
  }
  await Promise.all(all);
  expect(batches.map(({ items }) => items)).toEqual([[1], [4, 6], [1], [20], [2, 2, 2], [2]]);
});

test("one more than maxQueued is refused, with the seconds after which to come back", async () => {
  const { queue, batches } = held<string>({ maxQueued: 2 });
  const all = ["a", "b", "c"].map((item) => queue.add(item)); // one runs, two wait
  const error = await queue.add("d").catch((reason) => reason);
  expect(error).toBeInstanceOf(QueueFullError);
  expect(error.message).toBe("[BatchQueue.add] 2 items wait already. Come back in 1 s, or set maxQueued higher.");
  expect(error.retryAfter).toBe(1);
  batches[0]!.end();
  await sleep(1);
  batches[1]!.end();
  expect(await Promise.all(all)).toHaveLength(3);
});

describe("a signal", () => {
  test("takes an item out of the queue, and the others go on", async () => {
    const { queue, batches } = held<string>();
    const stop = new AbortController();
    const [a, b, c] = [queue.add("a"), queue.add("b", { signal: stop.signal }), queue.add("c")];
    stop.abort(new Error("gone"));
    await expect(b).rejects.toThrow("gone");
    batches[0]!.end();
    await a;
    await sleep(1);
    expect(batches[1]!.items).toEqual(["c"]);
    batches[1]!.end();
    expect(await c).toBe("done c");
  });
  test("of one item lets its batch end; of all of them stops it", async () => {
    const { queue, batches } = held<string>({ maxWait: 1 });
    const [one, two] = [new AbortController(), new AbortController()];
    const a = queue.add("a", { signal: one.signal });
    const b = queue.add("b", { signal: two.signal });
    await sleep(5);
    one.abort(new Error("gone"));
    await expect(a).rejects.toThrow("gone");
    expect(batches[0]!.signal.aborted).toBe(false);
    two.abort(new Error("gone too"));
    await expect(b).rejects.toThrow("gone too");
    expect(batches[0]!.signal.aborted).toBe(true);
    batches[0]!.fail(new Error("stopped"));
    await queue.close();
  });
  test("that is aborted already refuses at once", async () => {
    const { queue, batches } = held<string>();
    await expect(queue.add("a", { signal: AbortSignal.abort(new Error("late")) })).rejects.toThrow("late");
    expect(batches).toEqual([]);
  });
});

test("an error reaches the item that caused it and no other", async () => {
  const queue = new BatchQueue(
    async (items: readonly number[]) => {
      if (items.includes(3)) throw new Error("three");
      return items.map((item) => 10 * item);
    },
    { maxWait: 1 },
  );
  const results = await Promise.allSettled([1, 2, 3, 4].map((item) => queue.add(item)));
  expect(results.map((each) => (each.status === "fulfilled" ? each.value : each.reason.message))).toEqual([
    10,
    20,
    "three",
    40,
  ]);
});

test("a batch with too few results is an error", async () => {
  const queue = new BatchQueue(async (_: readonly number[]): Promise<number[]> => []);
  await expect(queue.add(1)).rejects.toThrow("[BatchQueue] 1 items had 0 results");
});

test("close waits for what was taken, and takes no more", async () => {
  const { queue, batches } = held<string>();
  const all = ["a", "b"].map((item) => queue.add(item));
  let closed = false;
  const closing = queue.close().then(() => {
    closed = true;
  });
  await expect(queue.add("c")).rejects.toThrow("the queue is closed");
  batches[0]!.end();
  await sleep(1);
  expect(closed).toBe(false);
  batches[1]!.end();
  await closing;
  expect(await Promise.all(all)).toEqual(["done a", "done b"]);
  await queue.close();
});

test("limits that make no sense are errors", () => {
  const run = async (items: readonly number[]) => items;
  expect(() => new BatchQueue(run, { maxItems: 0 })).toThrow("[BatchQueue] maxItems is 0. Use a number from 1.");
  expect(() => new BatchQueue(run, { maxWait: Number.NaN })).toThrow("maxWait is NaN");
});
