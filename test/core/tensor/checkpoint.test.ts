import {
  add,
  checkpoint,
  dropout,
  gelu,
  linear,
  liveStorages,
  memoryStats,
  mul,
  openCpu,
  sum,
  Tensor,
  tensorScope,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { normal } from "../../support/array64.ts";

const random = (shape: number[], seed: number, requiresGrad = true): Tensor =>
  Tensor.from(Float32Array.from(normal(shape, seed).data), { shape, requiresGrad });

/** Two layers with dropout in between, over the parameters [w1, w2]. */
function block(x: Tensor, w1: Tensor, w2: Tensor): Tensor {
  const hidden = dropout(gelu(linear(x, w1)), { rate: 0.3, seed: 1, step: 2, site: 3 });
  return add(linear(hidden, w2), x);
}

async function gradients(run: (x: Tensor, w1: Tensor, w2: Tensor) => Tensor): Promise<Uint8Array[]> {
  const leaves = [random([19, 8], 1), random([33, 8], 2), random([8, 33], 3)] as const;
  const y = tensorScope(() => {
    const result = run(...leaves);
    sum(mul(result, result)).backward();
    return result;
  });
  const reads = await Promise.all([y.data(), ...leaves.map((x) => x.grad!.data())]);
  for (const tensor of [y, ...leaves]) tensor.dispose();
  return reads.map((values) => new Uint8Array(values.buffer));
}

describe("checkpoint", () => {
  test("gives the bits that storing gives, with dropout inside", async () => {
    const stored = await gradients((x, w1, w2) => block(block(x, w1, w2), w1, w2));
    const recomputed = await gradients((x, w1, w2) =>
      checkpoint(
        (h) => block(h, w1, w2),
        checkpoint((h) => block(h, w1, w2), x),
      ),
    );
    expect(recomputed).toEqual(stored);
  });

  test("gives gradients to inputs as well as to leaves that the function closes over", async () => {
    const stored = await gradients(block);
    expect(await gradients((x, w1, w2) => checkpoint(block, x, w1, w2))).toEqual(stored);
    expect(await gradients((x, w1, w2) => checkpoint((h, w) => block(h, w, w2), x, w1))).toEqual(stored);
  });

  test("nested gives the same bits too", async () => {
    const stored = await gradients((x, w1, w2) => block(block(x, w1, w2), w1, w2));
    const nested = await gradients((x, w1, w2) =>
      checkpoint(
        (h) =>
          block(
            checkpoint((g) => block(g, w1, w2), h),
            w1,
            w2,
          ),
        x,
      ),
    );
    expect(nested).toEqual(stored);
  });

  test("keeps nothing of the function's inside until backward, also where no scope is open", () => {
    const before = liveStorages();
    const [x, w1, w2] = [random([19, 8], 1), random([33, 8], 2), random([8, 33], 3)];
    const y = checkpoint((h) => block(h, w1, w2), x);
    expect(liveStorages()).toBe(before + 4); // x, w1, w2, y
    for (const tensor of [y, x, w1, w2]) tensor.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("gives memory back while it runs again: at its peak no more than the same function with a tape", async () => {
    const peakOf = async (wrap: (run: (x: Tensor) => Tensor, x: Tensor) => Tensor): Promise<number> => {
      const device = openCpu();
      const x = Tensor.full([1 << 16], 1, { device, requiresGrad: true });
      tensorScope(() => {
        const deep = (h: Tensor) => {
          let y = h;
          for (let i = 0; i < 16; i++) y = mul(y, y);
          return y;
        };
        sum(wrap(deep, x)).backward();
      });
      expect((await x.grad!.data())[5]).toBe(2 ** 16);
      const { peak } = memoryStats(device);
      x.dispose();
      device.backend.close();
      return peak;
    };
    const stored = await peakOf((run, x) => run(x));
    expect(await peakOf(checkpoint)).toBeLessThan(1.2 * stored); // it has its result and that one's gradient besides
  });

  test("lowers the peak of a deep network", () => {
    const peakOf = (run: (x: Tensor, w1: Tensor, w2: Tensor) => Tensor): number =>
      tensorScope(() => {
        const [x, w1, w2] = [random([512, 8], 1), random([256, 8], 2), random([8, 256], 3)];
        const { current } = memoryStats();
        let h: Tensor = x;
        for (let layer = 0; layer < 6; layer++) h = tensorScope(() => run(h, w1, w2));
        const live = memoryStats().current - current;
        sum(h).backward();
        return live;
      });
    const stored = peakOf(block);
    const recomputed = peakOf((x, w1, w2) => checkpoint((h) => block(h, w1, w2), x));
    expect(recomputed).toBeLessThan(stored / 10); // 6 outputs of 16 KB, against 6 × 3 hidden layers of 512 KB
  });

  test("a function that gives back its input passes the gradient through, and leaves the input off the tape", async () => {
    const x = random([3], 1);
    const y = tensorScope(() => {
      const same = checkpoint((h) => h, x);
      sum(mul(same, 2)).backward();
      return same;
    });
    expect(x.node).toBe(null);
    expect([...(await x.grad!.data())]).toEqual([2, 2, 2]);
    y.dispose();
    x.dispose();
  });

  test("a closed-over tensor with a tape of its own is an error, not a lost gradient", () => {
    const x = random([3], 1);
    tensorScope(() => {
      const h = mul(x, 2);
      const loss = sum(checkpoint((g) => mul(g, h), x));
      expect(() => loss.backward()).toThrow(
        "[checkpoint] the function uses a tensor that mul made outside of it. Pass it to checkpoint as an input, or detach it.",
      );
    });
    x.dispose();
  });

  test("an asynchronous function is refused", () => {
    tensorScope(() => {
      expect(() => checkpoint((async (x: Tensor) => x) as never, Tensor.ones([1]))).toThrow(
        "the function is asynchronous",
      );
    });
  });
});
