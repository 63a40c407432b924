import { AdamW, checkpoint, clipGradNorm, type Device, type Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { device, levels } from "../../support/devices.ts";
import { network, tokens } from "./network.ts";

const eight = Array.from({ length: 8 }, (_, i) => tokens(12 + 3 * i, i));

/** Losses and final parameters of some steps. */
async function train(on: Device, steps: number): Promise<{ losses: number[]; parameters: Float32Array[] }> {
  const net = network(on, { causal: true });
  const optimizer = new AdamW(net.parameters, { learningRate: 3e-3 });
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const loss = tensorScope(() => {
      const loss = net.loss(eight);
      loss.backward();
      optimizer.step(3e-3, clipGradNorm(net.parameters, 1));
      optimizer.zeroGrad();
      return loss.detach();
    });
    losses.push(await loss.item());
    loss.dispose();
  }
  const parameters = await Promise.all(net.parameters.map((p) => p.data() as Promise<Float32Array>));
  net.dispose();
  return { losses, parameters };
}

describe.each(levels)("a two-layer network on %s", (level) => {
  test("memorises eight sequences", async () => {
    const { losses } = await train(device(level), 60);
    expect(losses[0]).toBeGreaterThan(4); // ln 211 = 5.35 for a network that knows nothing
    expect(losses.at(-1)).toBeLessThan(0.2);
  });

  test("trains to the same bits with 1, 2 and 3 threads", async () => {
    const one = await train(device(level, 1), 5);
    for (const threads of [2, 3]) {
      const many = await train(device(level, threads), 5);
      expect(many.losses).toEqual(one.losses);
      expect(many.parameters).toEqual(one.parameters);
    }
  });

  test("has the gradient of the whole batch from two halves, to rounding", async () => {
    const net = network(device(level), { causal: true });
    const rows = (part: readonly number[][]) => part.reduce((sum, sequence) => sum + sequence.length - 1, 0);
    const gradients = async (parts: readonly number[][][]): Promise<Float32Array[]> => {
      for (const part of parts)
        tensorScope(() =>
          net
            .loss(part)
            .mul(rows(part) / rows(eight))
            .backward(),
        );
      const reads = net.parameters.map((p) => p.grad!.data() as Promise<Float32Array>);
      for (const p of net.parameters) p.zeroGrad();
      return Promise.all(reads);
    };
    const whole = await gradients([eight]);
    const halves = await gradients([eight.slice(0, 3), eight.slice(3)]);
    for (const [i, expected] of whole.entries()) {
      const scale = expected.reduce((largest, x) => Math.max(largest, Math.abs(x)), 0);
      const error = expected.reduce((largest, x, j) => Math.max(largest, Math.abs(x - halves[i]![j]!)), 0);
      expect(error, `parameter ${i}`).toBeLessThanOrEqual(1e-5 * scale);
    }
    net.dispose();
  });

  test("recomputed gradients have the bits of stored ones", async () => {
    const net = network(device(level), { causal: true });
    const gradients = async (loss: () => Tensor): Promise<Float32Array[]> => {
      tensorScope(() => loss().backward());
      const reads = net.parameters.map((p) => p.grad!.data() as Promise<Float32Array>);
      for (const p of net.parameters) p.zeroGrad();
      return Promise.all(reads);
    };
    const stored = await gradients(() => net.loss(eight));
    const recomputed = await gradients(() => checkpoint(() => net.loss(eight)));
    expect(recomputed).toEqual(stored);
    net.dispose();
  });
});
