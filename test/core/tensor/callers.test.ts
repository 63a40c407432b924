import { add, embedding, linear, liveStorages, mul, openCpu, sub, sum, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { generator } from "../../support/array64.ts";

/** Fits w to a line by gradient descent: forward, wait, backward, wait. Returns every loss that it saw. */
async function train(seed: number, pause: () => Promise<void>): Promise<number[]> {
  const next = generator(seed);
  const w = Tensor.from([[next(), next(), next()]], { requiresGrad: true });
  const losses: number[] = [];
  for (let step = 0; step < 12; step++) {
    const x = Array.from({ length: 4 }, () => [next(), next(), next()]);
    const loss = tensorScope(() => {
      const error = sub(linear(Tensor.from(x), w), Tensor.from(x.map((row) => [row[0]! - 2 * row[2]!])));
      return sum(mul(error, error));
    });
    await pause();
    loss.backward();
    losses.push(await loss.item());
    loss.dispose();
    tensorScope(() => w.backend.copyInto(w, sub(w, mul(w.grad!, 0.05)), 0, 0));
    w.zeroGrad();
    await pause();
  }
  w.dispose();
  return losses;
}

/** Looks up an id that is not there, again and again, and trains on it. */
async function fail(pause: () => Promise<void>): Promise<string> {
  const table = Tensor.ones([5, 2], { requiresGrad: true });
  const messages = new Set<string>();
  for (let step = 0; step < 12; step++) {
    const loss = tensorScope(() => sum(embedding(table, Tensor.from(Int32Array.of(1, 77)))));
    await pause();
    loss.backward();
    messages.add(await loss.item().then(String, (error) => error.message.split(".")[0]));
    loss.dispose();
    table.zeroGrad();
  }
  table.dispose();
  return [...messages].join("; ");
}

describe("callers that interleave", () => {
  test("see what they would see alone, though one of them fails all the time", async () => {
    const alone = [];
    for (const seed of [1, 2, 3]) alone.push(await train(seed, async () => {}));
    expect(alone[0]!.at(-1)!).toBeLessThan(alone[0]![0]!);
    const before = liveStorages();

    const next = generator(7);
    const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 3 * next()));
    const [first, failed, second, third, failedToo] = await Promise.all([
      train(1, pause),
      fail(pause),
      train(2, pause),
      train(3, pause),
      fail(pause),
    ]);
    expect([first, second, third]).toEqual(alone);
    const message = "[embedding] id 77 at place 1 is outside the vocabulary of 5";
    expect([failed, failedToo]).toEqual([message, message]);
    expect(liveStorages()).toBe(before);
  });

  test("in scopes never see each other's tensors disposed", async () => {
    const server = async (value: number): Promise<number[]> => {
      const answers: number[] = [];
      const kept = Tensor.full([8], value);
      for (let i = 0; i < 20; i++) {
        const { answer } = tensorScope(() => ({ answer: sum(add(mul(kept, 2), i)).item() }));
        answers.push(await answer);
      }
      kept.dispose();
      return answers;
    };
    const all = await Promise.all([1, 2, 3, 4, 5].map(server));
    for (const [who, answers] of all.entries()) {
      expect(answers).toEqual(Array.from({ length: 20 }, (_, i) => 8 * (2 * (who + 1) + i)));
    }
  });

  test("on devices of their own share the compute threads and nothing else", async () => {
    const devices = [openCpu({ threads: 2 }), openCpu({ threads: 3 }), openCpu({ threads: 1 })];
    const results = await Promise.all(
      devices.map(async (device, i) => {
        const x = Tensor.full([300, 300], i + 1, { device });
        const w = Tensor.ones([300, 300], { device });
        const reads = Array.from({ length: 10 }, () => tensorScope(() => [linear(x, w).data()])[0]!);
        const values = await Promise.all(reads);
        x.dispose();
        w.dispose();
        return new Set(values.flatMap((value) => [...value]));
      }),
    );
    expect(results).toEqual([new Set([300]), new Set([600]), new Set([900])]);
    for (const device of devices) device.backend.close();
  });

  test("mixing tensors of two devices is an error that names both", () => {
    const other = openCpu({ threads: 1, level: "baseline" });
    tensorScope(() => {
      const [a, b] = [Tensor.ones([2]), Tensor.ones([3], { device: other })];
      expect(() => add(a, b)).toThrow(`[add] a [2] is on ${a.device.name}, but b [3] is on cpu (baseline, 1 thread)`);
    });
    other.backend.close();
  });
});
