import * as core from "@ettin/core";
import { add, liveStorages, mul, parameter, sum, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { collect } from "../../support/collect.ts";

/** In a function of its own: a variable of the test would keep what it makes. */
const forget = (run: () => void): void => run();

describe("handles that nobody disposes", () => {
  test("give their storages back when they are collected", async () => {
    await collect();
    const before = liveStorages();
    forget(() => {
      for (let i = 0; i < 20; i++) add(Tensor.ones([10]), 1);
    });
    expect(liveStorages()).toBe(before + 40);
    await collect();
    expect(liveStorages()).toBe(before);
  });

  test("give back what their tape saved", async () => {
    await collect();
    const before = liveStorages();
    forget(() => {
      const x = Tensor.ones([10], { requiresGrad: true });
      sum(mul(mul(x, x), x));
    });
    expect(liveStorages()).toBeGreaterThan(before + 2);
    await collect();
    expect(liveStorages()).toBe(before);
  });

  test("give back gradients, and parameters with them", async () => {
    await collect();
    const before = liveStorages();
    forget(() => {
      const w = parameter(Tensor.ones([10]));
      tensorScope(() => sum(mul(w, w)).backward());
    });
    expect(liveStorages()).toBe(before + 2);
    await collect();
    expect(liveStorages()).toBe(before);
  });

  test("are not freed while something on the tape needs them", async () => {
    const x = Tensor.from([2, 3], { requiresGrad: true });
    const loss = ((): Tensor => sum(mul(mul(x, x), Tensor.from([5, 7]))))();
    await collect();
    loss.backward();
    expect([...(await x.grad!.data())]).toEqual([20, 42]); // 5·2x, 7·2x
    loss.dispose();
    x.dispose();
  });

  test("that were disposed are not given back twice", async () => {
    const before = liveStorages();
    const kept = Tensor.ones([4]);
    forget(() => kept.detach().dispose());
    await collect();
    expect(liveStorages()).toBe(before + 1);
    expect([...(await kept.data())]).toEqual([1, 1, 1, 1]);
    kept.dispose();
  });

  // A gradient that captured its op's result would keep the result, which keeps the gradient: nobody could collect it.
  const vector = () => Tensor.from([[0.5, 0.25, 1, 2]], { requiresGrad: true });
  const ops: Record<string, (x: Tensor) => unknown> = {
    add: (x) => core.add(x, x),
    sub: (x) => core.sub(x, 1),
    mul: (x) => core.mul(x, x),
    div: (x) => core.div(x, x),
    gelu: core.gelu,
    silu: core.silu,
    relu: core.relu,
    exp: core.exp,
    log: core.log,
    log1p: core.log1p,
    sqrt: core.sqrt,
    tanh: core.tanh,
    sigmoid: core.sigmoid,
    softplus: core.softplus,
    geglu: core.geglu,
    swiglu: core.swiglu,
    sum: (x) => core.sum(x, 1),
    mean: (x) => core.mean(x, 1),
    max: (x) => core.max(x, 1),
    logsumexp: (x) => core.logsumexp(x, 1),
    softmax: (x) => core.softmax(x, 1),
    logSoftmax: (x) => core.logSoftmax(x, 1),
    layerNorm: (x) => core.layerNorm(x),
    rmsNorm: (x) => core.rmsNorm(x),
    l2Normalize: (x) => core.l2Normalize(x),
    linear: (x) => core.linear(x, x),
    matmul: (x) => core.matmul(x, x, { transposeB: true }),
    concat: (x) => core.concat([x, x]),
    slice: (x) => core.slice(x, 0, 1),
    split: (x) => core.split(x, [1, 3], 1),
    reshape: (x) => core.reshape(x, [4]),
    transpose: (x) => core.transpose(x, 0, 1),
    dropout: (x) => core.dropout(x, { rate: 0.5, seed: 1, step: 1, site: 1 }),
    segmentMean: (x) => core.segmentMean(x, Tensor.from(Int32Array.of(0, 1))),
    segmentMax: (x) => core.segmentMax(x, Tensor.from(Int32Array.of(0, 1))),
    gather: (x) => core.gather(x, Tensor.from(Int32Array.of(0, 0))),
    checkpoint: (x) => core.checkpoint((h) => core.mul(h, h), x),
  };
  test.each(Object.entries(ops))("from %s are collected", async (_, op) => {
    await collect();
    const before = liveStorages();
    forget(() => {
      op(vector());
    });
    expect(liveStorages()).toBeGreaterThan(before);
    await collect();
    expect(liveStorages()).toBe(before);
  });
});
