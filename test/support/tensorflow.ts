/** Our ops against TensorFlow.js, an implementation that shares nothing with ours: forward, and the gradient. */
import { setDefaultDevice, Tensor, tensorScope } from "@ettin/core";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { beforeAll, describe, expect, test } from "vitest";
import { type Array64, generator, normal } from "./array64.ts";
import { expectClose } from "./check-op.ts";
import { device, levels } from "./devices.ts";

export type Shape = number[];
export type Draw = (low: number, high: number) => number;

export interface Case {
  /** Shapes of the float inputs, drawn anew in every round. */
  readonly shapes: (draw: Draw) => Shape[];
  readonly ours: (...inputs: Tensor[]) => Tensor;
  readonly theirs: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** @default standard normal */
  readonly values?: (shape: Shape, seed: number) => Array64;
  /** Where false, TensorFlow.js has none. @default true */
  readonly gradient?: boolean;
}

/** Integer arguments, on the device of the level under test. */
export const ids = (values: readonly number[], shape: Shape = [values.length]): Tensor =>
  Tensor.from(Int32Array.from(values), { shape });

/** Whole numbers below `limit` that only depend on `count`. */
export function someIds(count: number, limit: number): number[] {
  const next = generator(count + 31 * limit);
  return Array.from({ length: count }, () => Math.floor(next() * limit));
}

async function runOurs({ ours, gradient = true }: Case, inputs: readonly Array64[], dy: (shape: Shape) => Array64) {
  const reads = tensorScope(() => {
    const make = (x: Array64, requiresGrad: boolean) =>
      Tensor.from(Float32Array.from(x.data), { shape: x.shape, requiresGrad });
    const tensors = inputs.map((x) => make(x, gradient));
    const y = ours(...tensors);
    if (gradient) y.backward({ gradient: make(dy([...y.shape]), false) });
    return { shape: y.shape, y: y.data(), gradients: gradient ? tensors.map((x) => x.grad!.data()) : [] };
  });
  return { shape: [...reads.shape], y: await reads.y, gradients: await Promise.all(reads.gradients) };
}

function runTheirs({ theirs, gradient = true }: Case, inputs: readonly Array64[], dy: (shape: Shape) => Array64) {
  return tf.tidy(() => {
    const make = (x: Array64) => tf.tensor(Float32Array.from(x.data), [...x.shape]);
    const tensors = inputs.map(make);
    const y = theirs(...tensors);
    const gradients = gradient ? tf.grads((...xs: tf.Tensor[]) => theirs(...xs))(tensors, make(dy(y.shape))) : [];
    return { shape: y.shape, y: y.dataSync(), gradients: gradients.map((g) => g.dataSync()) };
  });
}

/** Four rounds of random shapes for each case, at every level. */
export function checkAgainstTensorflow(cases: Readonly<Record<string, Case>>): void {
  describe.each(levels)("on %s, agrees with TensorFlow.js on random shapes", (level) => {
    beforeAll(async () => {
      tf.env().set("IS_TEST", true); // no banner
      await tf.setBackend("cpu");
      setDefaultDevice(device(level));
    });

    test.each(Object.entries(cases))("%s", async (_, check) => {
      for (let round = 1; round <= 4; round++) {
        const next = generator(round);
        const draw: Draw = (low, high) => low + Math.floor(next() * (high - low + 1));
        const inputs = check.shapes(draw).map((shape, i) => (check.values ?? normal)(shape, 10 * round + i));
        const dy = (shape: Shape) => normal(shape, 77);
        const [ours, theirs] = [await runOurs(check, inputs, dy), runTheirs(check, inputs, dy)];

        const where = inputs.map(({ shape }) => `[${shape.join(", ")}]`).join(" ");
        expect(ours.shape, where).toEqual(theirs.shape);
        expectClose(ours.y, theirs.y, 1e-5, `${where}: forward`);
        for (const [i, gradient] of theirs.gradients.entries()) {
          const scale = Math.max(0.1, ...gradient.map(Math.abs));
          expectClose(ours.gradients[i]!, gradient, 1e-5, `${where}: gradient of input ${i}`, scale);
        }
      }
    });
  });
}
