import {
  add,
  enableGrad,
  exp,
  geglu,
  layerNorm,
  linear,
  liveStorages,
  matmul,
  memoryStats,
  mul,
  noGrad,
  parameter,
  randn,
  reshape,
  split,
  sub,
  sum,
  Tensor,
  tensorScope,
} from "@ettin/core";
import { afterAll, describe, expect, test } from "vitest";
import { record } from "../../../packages/core/src/tensor/tape.ts";

const leaf = (values: number[] | number[][]): Tensor => Tensor.from(values, { requiresGrad: true });
const values = async (x: Tensor | null): Promise<number[]> => [...(await x!.data())];

/** Bytes of tensors that a forward pass leaves for the backward pass. */
const kept = (forward: () => Tensor): number => {
  let bytes = 0;
  tensorScope(() => {
    const before = memoryStats().current;
    const y = tensorScope(forward); // what it made is gone, apart from what the tape holds
    bytes = memoryStats().current - before;
    y.dispose();
  });
  return bytes;
};

describe("what is cheap to make again", () => {
  const [rows, dim] = [256, 128];
  const x = randn([rows, dim], { seed: 1, std: 1 });
  const w = parameter(randn([dim], { seed: 2, std: 1 }));
  const wide = parameter(randn([2 * dim, dim], { seed: 3, std: 1 }));
  const out = parameter(randn([8, dim], { seed: 4, std: 1 }));
  const chain = (input: Tensor) => linear(geglu(linear(layerNorm(input, w), wide)), out);
  afterAll(() => {
    for (const each of [x, w, wide, out]) each.dispose();
  });

  test("is not kept: a norm, a gated activation", () => {
    const input = x.detach();
    input.requiresGrad = true;
    const size = rows * dim * 4;
    // kept: the wide rows (2 sizes) and the result (8 columns); not the norm's result nor the activation's
    expect(kept(() => chain(input)) / size).toBeCloseTo(2 + 8 / dim + 2 / dim, 1);
    input.dispose();
  });

  test("gives the gradients of what was kept, to the bit", async () => {
    const gradients = async (cut: (y: Tensor) => Tensor) => {
      const input = x.detach();
      input.requiresGrad = true;
      tensorScope(() => {
        const y = linear(cut(geglu(linear(cut(layerNorm(input, w)), wide))), out);
        sum(mul(y, y)).backward();
      });
      const found = [input, w, wide, out].map((leaf) => values(leaf.grad));
      for (const leaf of [input, w, wide, out]) leaf.zeroGrad();
      input.dispose();
      return Promise.all(found);
    };
    // an op in between that says nothing of making its result again
    const keep = (y: Tensor) =>
      record("same", y.contiguous().viewAs(y.shape), { inputs: [y], saved: [] }, (dy) => [dy]);
    expect(await gradients((y) => y)).toEqual(await gradients(keep));
  });

  test("is still refused where its own input was changed in place", () => {
    const input = parameter(randn([rows, dim], { seed: 5, std: 1 }));
    tensorScope(() => {
      const y = sum(linear(layerNorm(input, w), wide));
      input.storage.version++;
      expect(() => y.backward()).toThrow("layerNorm saved was changed in place");
    });
    for (const leaf of [input, w, wide]) leaf.zeroGrad();
    input.dispose();
  });
});

describe("backward", () => {
  test("a leaf used twice gets the sum of both gradients", async () => {
    const x = leaf([2, 3]);
    tensorScope(() => sum(add(mul(x, x), x)).backward()); // x² + x: 2x + 1
    expect(await values(x.grad)).toEqual([5, 7]);
    x.dispose();
  });

  test("a diamond adds up before it goes on", async () => {
    const x = leaf([2]);
    let runs = 0;
    tensorScope(() => {
      const trunk = mul(x, 3);
      const counted = record("counted", trunk.detach(), { inputs: [trunk], saved: [] }, (dy) => {
        runs++;
        return [dy];
      });
      const left = mul(counted, counted); // 9x²
      const right = mul(counted, 5); // 15x
      sum(add(left, right)).backward(); // 18x + 15
    });
    expect(await values(x.grad)).toEqual([51]);
    expect(runs).toBe(1);
    x.dispose();
  });

  test("gradients add up over several calls until zeroGrad", async () => {
    const x = leaf([1, 2]);
    for (const factor of [1, 10, 100]) tensorScope(() => sum(mul(x, factor)).backward());
    expect(await values(x.grad)).toEqual([111, 111]);
    x.zeroGrad();
    expect(x.grad).toBe(null);
    tensorScope(() => sum(mul(x, 7)).backward());
    expect(await values(x.grad)).toEqual([7, 7]);
    x.dispose();
  });

  test("a weight's gradient that a kernel accumulates adds up in the same way", async () => {
    const w = leaf([[1, 2]]);
    const x = Tensor.from([[3, 4]]);
    for (let i = 0; i < 3; i++) tensorScope(() => sum(linear(x, w)).backward());
    expect(await values(w.grad)).toEqual([9, 12]); // 3 · x
    w.dispose();
    x.dispose();
  });

  test("accumulating in place does not change a gradient that somebody else holds", async () => {
    const w = leaf([[1, 2]]);
    const x = Tensor.from([[3, 4]]);
    const step = () => tensorScope(() => sum(linear(x, w)).backward());
    step();
    const kept = w.grad!.detach();
    step();
    expect(await values(kept)).toEqual([3, 4]);
    expect(await values(w.grad)).toEqual([6, 8]);
    for (const tensor of [w, x, kept]) tensor.dispose();
  });

  test("the same tensor twice in one op does not alias its two gradients", async () => {
    const x = leaf([1, 2]);
    const twice = () => tensorScope(() => sum(add(x, x)).backward());
    twice();
    twice();
    expect(await values(x.grad)).toEqual([4, 4]);
    x.dispose();
  });

  test("two leaves that get one gradient do not share it", async () => {
    const [a, b] = [leaf([[1, 2]]), leaf([[3, 4]])];
    const x = Tensor.from([[1, 1]]);
    tensorScope(() => sum(add(a, b)).backward());
    // now a's gradient grows in place: b's must not
    tensorScope(() => sum(linear(x, a)).backward());
    expect(await values(a.grad)).toEqual([2, 2]);
    expect(await values(b.grad)).toEqual([1, 1]);
    for (const tensor of [a, b, x]) tensor.dispose();
  });

  test("a gradient that is a view of another one is not shared either", async () => {
    const [a, b] = [leaf([[1, 2]]), leaf([3, 4])];
    const x = Tensor.from([[1, 1]]);
    tensorScope(() => sum(add(reshape(a, [2]), b)).backward());
    tensorScope(() => sum(linear(x, a)).backward());
    expect(await values(a.grad)).toEqual([2, 2]);
    expect(await values(b.grad)).toEqual([1, 1]);
    for (const tensor of [a, b, x]) tensor.dispose();
  });

  test("the gradient that was passed in stays the caller's", async () => {
    const x = leaf([1, 2]);
    const dy = Tensor.from([5, 6]);
    tensorScope(() => add(x, 1).backward({ gradient: dy }));
    tensorScope(() => add(x, 1).backward({ gradient: dy }));
    expect(await values(x.grad)).toEqual([10, 12]);
    expect(await values(dy)).toEqual([5, 6]);
    x.dispose();
    dy.dispose();
  });

  test("of an op with several results, those that nobody used count as zero", async () => {
    const x = leaf([1, 2, 3, 4]);
    tensorScope(() => {
      const [, second] = split(x, [1, 2, 1]);
      sum(mul(second!, 3)).backward();
    });
    expect(await values(x.grad)).toEqual([0, 3, 3, 0]);
    x.dispose();
  });

  test("of an op with several results, all gradients come back at once", async () => {
    const x = leaf([1, 2, 3, 4]);
    tensorScope(() => {
      const [first, second] = split(x, [2, 2]);
      sum(mul(first!, second!)).backward();
    });
    expect(await values(x.grad)).toEqual([3, 4, 1, 2]);
    x.dispose();
  });

  test("a strided gradient reaches the op before in one piece", async () => {
    const x = leaf([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const dy = Tensor.from([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    tensorScope(() => mul(x, 2).transpose(0, 1).backward({ gradient: dy }));
    expect(await values(x.grad)).toEqual([2, 6, 10, 4, 8, 12]); // 2 · dyᵀ
    x.dispose();
    dy.dispose();
  });

  test("stops at detach", async () => {
    const x = leaf([3]);
    tensorScope(() => sum(mul(x, mul(x, 2).detach())).backward()); // x · const(6)
    expect(await values(x.grad)).toEqual([6]);
    x.dispose();
  });

  test("records inside enableGrad within noGrad", async () => {
    const x = leaf([3]);
    noGrad(() => tensorScope(() => sum(enableGrad(() => mul(x, 4))).requiresGrad));
    tensorScope(() => {
      const y = noGrad(() => enableGrad(() => mul(x, 4)));
      sum(y).backward();
    });
    expect(await values(x.grad)).toEqual([4]);
    x.dispose();
  });

  test("goes through ten thousand ops, and a graph as deep can be dropped", async () => {
    const before = liveStorages();
    const x = leaf([1]);
    const deep = () => {
      let y = mul(x, 1);
      for (let i = 0; i < 10_000; i++) y = add(y, x);
      return y;
    };
    tensorScope(() => deep().backward());
    expect(await values(x.grad)).toEqual([10_001]);
    tensorScope(deep).dispose();
    x.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("in bfloat16 the leaf's gradient is bfloat16", async () => {
    const x = Tensor.from([1, 2], { dtype: "bfloat16", requiresGrad: true });
    tensorScope(() => sum(mul(x, x)).backward());
    expect(x.grad!.dtype).toBe("bfloat16");
    expect(await values(x.grad)).toEqual([2, 4]);
    x.dispose();
  });
});

describe("the tape", () => {
  test("a second backward is an error that names the op and the way out", () => {
    const x = leaf([1, 2]);
    tensorScope(() => {
      const loss = sum(mul(x, x));
      loss.backward();
      expect(() => loss.backward()).toThrow(
        "[backward] the tape of sum has been used already. Call backward once for each forward pass, or the first time with { keepTape: true }.",
      );
    });
    x.dispose();
  });

  test("keepTape allows it", async () => {
    const x = leaf([1, 2]);
    tensorScope(() => {
      const loss = sum(mul(x, x));
      loss.backward({ keepTape: true });
      loss.backward();
      expect(() => loss.backward()).toThrow("has been used already");
    });
    expect(await values(x.grad)).toEqual([4, 8]);
    x.dispose();
  });

  test("two losses over one trunk need keepTape for the first", async () => {
    const x = leaf([3]);
    tensorScope(() => {
      const trunk = mul(x, x);
      const [first, second] = [sum(mul(trunk, 2)), sum(mul(trunk, 5))];
      first.backward({ keepTape: true });
      second.backward();
    });
    expect(await values(x.grad)).toEqual([42]); // 7 · 2x
    x.dispose();
  });

  test("notices that a saved tensor was changed in place", () => {
    const x = leaf([1, 2]);
    const factor = Tensor.from([3, 4]);
    tensorScope(() => {
      const loss = sum(mul(x, factor));
      factor.backend.copyInto(factor, Tensor.from([9]), 0, 1);
      expect(() => loss.backward()).toThrow(
        "[backward] a tensor [2] that mul saved was changed in place after the forward pass. Run backward before the optimizer's step, or pass a copy to the op.",
      );
    });
    x.dispose();
    factor.dispose();
  });

  test("backward gives back what the ops saved, before the results are disposed", () => {
    const before = liveStorages();
    const x = leaf([1, 2]);
    const loss = tensorScope(() => sum(exp(mul(exp(x), 2))));
    const held = liveStorages();
    loss.backward();
    expect(liveStorages()).toBeLessThan(held);
    expect(liveStorages()).toBe(before + 3); // x, its gradient, the loss
    loss.dispose();
    x.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("a graph that is dropped without backward gives its memory back at once", () => {
    const before = liveStorages();
    const w = Tensor.ones([8, 8], { requiresGrad: true });
    for (let i = 0; i < 10; i++) {
      const y = tensorScope(() => matmul(exp(matmul(w, w)), w));
      expect(liveStorages()).toBeGreaterThan(before + 2);
      y.dispose();
      expect(liveStorages()).toBe(before + 1);
    }
    w.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("a branch that is dropped does not take the trunk with it", async () => {
    const x = leaf([2]);
    tensorScope(() => {
      const trunk = mul(x, x);
      exp(trunk).dispose();
      sum(mul(trunk, trunk)).backward(); // x⁴: 4x³
    });
    expect(await values(x.grad)).toEqual([32]);
    x.dispose();
  });

  test("an error inside a gradient leaves nothing behind", () => {
    const before = liveStorages();
    const x = leaf([1, 2]);
    expect(() =>
      tensorScope(() => {
        const y = mul(x, x);
        const broken = record("broken", y.detach(), { inputs: [y], saved: [y] }, (dy) => {
          add(dy, dy);
          throw new Error("in the gradient");
        });
        sum(add(broken, mul(y, 3))).backward();
      }),
    ).toThrow("in the gradient");
    x.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("backward on what has no tape, or is no scalar, says what to do", () => {
    tensorScope(() => {
      expect(() => sum(Tensor.ones([2])).backward()).toThrow(
        "[backward] a tensor [] made by sum has no tape. Give a parameter requiresGrad: true",
      );
      const y = mul(Tensor.ones([2], { requiresGrad: true }), 2);
      expect(() => y.backward()).toThrow("[backward] the tensor has shape [2]. Start from a scalar loss, or pass");
      expect(() => y.backward({ gradient: Tensor.ones([3]) })).toThrow(
        "[backward] gradient is float32 [3], but the tensor is float32 [2]",
      );
    });
  });

  test("requiresGrad belongs to float leaves", () => {
    tensorScope(() => {
      expect(() => Tensor.from(Int32Array.of(1), { requiresGrad: true })).toThrow(
        "[requiresGrad] int32 has no gradients",
      );
      const y = sub(Tensor.ones([1], { requiresGrad: true }), 1);
      expect(() => {
        y.requiresGrad = false;
      }).toThrow("[requiresGrad] a tensor [1] made by sub is on the tape. Set it on leaves only; use detach()");
    });
  });
});
