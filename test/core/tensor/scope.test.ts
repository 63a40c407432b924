import { add, liveStorages, memoryStats, mul, noGrad, parameter, sum, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";

describe("tensorScope", () => {
  test("disposes what was made in it, except what it returns", async () => {
    const before = liveStorages();
    let inner!: Tensor;
    const y = tensorScope(() => {
      inner = Tensor.from([1, 2]);
      return add(inner, inner);
    });
    expect(inner.isDisposed).toBe(true);
    expect(liveStorages()).toBe(before + 1);
    expect([...(await y.data())]).toEqual([2, 4]);
    y.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("keeps tensors in arrays, plain objects and maps, however deep", () => {
    const before = liveStorages();
    const make = () => Tensor.zeros([2]);
    const kept = tensorScope(() => {
      make();
      return { list: [make(), [make()]], map: new Map([["a", { x: make() }]]), nothing: null, number: 1 };
    });
    expect(liveStorages()).toBe(before + 3);
    kept.list.flat().forEach((tensor) => {
      (tensor as Tensor).dispose();
    });
    kept.map.get("a")!.x.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("a value that holds itself is no trap", () => {
    interface Ring {
      x: Tensor;
      next?: Ring;
    }
    const ring = tensorScope(() => {
      const value: Ring = { x: Tensor.zeros([1]) };
      value.next = value;
      return value;
    });
    expect(ring.x.isDisposed).toBe(false);
    ring.x.dispose();
  });

  test("inside another scope, what it returns belongs to the outer one", () => {
    const before = liveStorages();
    let between!: Tensor;
    const out = tensorScope(() => {
      between = tensorScope(() => Tensor.zeros([3]));
      expect(between.isDisposed).toBe(false);
      return tensorScope(() => add(between, 1));
    });
    expect(between.isDisposed).toBe(true);
    expect(out.isDisposed).toBe(false);
    out.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("an error inside disposes everything and is passed on as it is", () => {
    const before = liveStorages();
    const error = new TypeError("mine");
    expect(() =>
      tensorScope(() => {
        const x = Tensor.zeros([3]);
        tensorScope(() => {
          add(x, x);
          throw error;
        });
      }),
    ).toThrow(error);
    expect(liveStorages()).toBe(before);
    tensorScope(() => Tensor.zeros([1])).dispose(); // no scope is left open
    expect(liveStorages()).toBe(before);
  });

  test("an asynchronous function is refused, and its own failure does not go unhandled", () => {
    const before = liveStorages();
    const refused =
      "[tensorScope] the function is asynchronous. Call data() or item() inside and await the result outside.";
    expect(() =>
      tensorScope(async () => {
        Tensor.zeros([3]);
      }),
    ).toThrow(refused);
    expect(() =>
      tensorScope(async () => {
        throw new Error("nobody hears this");
      }),
    ).toThrow(refused);
    expect(liveStorages()).toBe(before);
  });

  test("a read that was asked for inside arrives outside", async () => {
    const { pending } = tensorScope(() => ({ pending: sum(Tensor.from([1, 2, 3])).item() }));
    expect(await pending).toBe(6);
  });

  test("a tensor from outside may be disposed inside, and stays disposed", () => {
    const x = Tensor.zeros([1]);
    tensorScope(() => x.dispose());
    expect(x.isDisposed).toBe(true);
  });

  test("returning a tensor from outside does not move it", () => {
    const x = Tensor.zeros([1]);
    const same = tensorScope(() => tensorScope(() => x));
    expect(same).toBe(x);
    expect(x.isDisposed).toBe(false);
    x.dispose();
  });

  test("leaves parameters and their gradients alone", async () => {
    const before = liveStorages();
    const w = tensorScope(() => parameter(Tensor.from([1, 2])));
    tensorScope(() => sum(mul(w, w)).backward());
    expect([...(await w.grad!.data())]).toEqual([2, 4]); // d(w²)/dw = 2w
    expect(liveStorages()).toBe(before + 2);
    w.dispose(); // and its gradient
    expect(liveStorages()).toBe(before);
  });

  test("a result that is returned keeps its tape, and gives it back with the handle", () => {
    const before = liveStorages();
    const w = Tensor.from([1, 2], { requiresGrad: true });
    const loss = tensorScope(() => sum(mul(w, w)));
    expect(loss.requiresGrad).toBe(true);
    loss.dispose();
    w.dispose();
    expect(liveStorages()).toBe(before);
  });

  test("holds one step's memory, however many steps run", () => {
    const w = parameter(Tensor.ones([64, 64]));
    const step = () =>
      tensorScope(() => {
        sum(mul(add(w, 1), w)).backward();
        w.zeroGrad();
      });
    step();
    const { current, peak } = memoryStats();
    for (let i = 0; i < 50; i++) step();
    expect(memoryStats().current).toBe(current);
    expect(memoryStats().peak).toBe(peak);
    w.dispose();
  });
});

describe("use after dispose", () => {
  test("names the op that made the tensor, its dtype and shape, and the way out", () => {
    const a = Tensor.zeros([2, 3]);
    const y = add(a, a);
    y.dispose();
    const message =
      "[Tensor] a float32 tensor [2, 3] made by add was used after it was disposed. Return it from its tensorScope, or use it before dispose().";
    expect(() => add(y, a)).toThrow(message);
    expect(() => y.detach()).toThrow(message);
    a.dispose();
    expect(() => add(a, 1)).toThrow("a float32 tensor [2, 3] made by Tensor.full was used after it was disposed");
  });

  test("rejects a read", async () => {
    const x = Tensor.zeros([1]);
    x.dispose();
    await expect(x.data()).rejects.toThrow("was used after it was disposed");
    await expect(x.item()).rejects.toThrow("was used after it was disposed");
  });

  test("dispose may be repeated", () => {
    const before = liveStorages();
    const x = Tensor.zeros([1]);
    const view = x.detach();
    x.dispose();
    x.dispose();
    expect(liveStorages()).toBe(before + 1);
    view.dispose();
    expect(liveStorages()).toBe(before);
  });
});

describe("noGrad", () => {
  test("records nothing and keeps nothing alive", () => {
    const before = liveStorages();
    const w = Tensor.ones([4], { requiresGrad: true });
    const y = tensorScope(() => noGrad(() => mul(mul(w, w), w)));
    expect(y.requiresGrad).toBe(false);
    expect(liveStorages()).toBe(before + 2);
    expect(() => tensorScope(() => sum(y).backward())).toThrow("[backward] a tensor [] made by sum has no tape");
    y.dispose();
    w.dispose();
  });

  test("ends with its function, after an error too", () => {
    tensorScope(() => {
      const w = Tensor.ones([4], { requiresGrad: true });
      expect(() =>
        noGrad(() => {
          throw new RangeError("inside");
        }),
      ).toThrow(RangeError);
      expect(mul(w, 2).requiresGrad).toBe(true);
    });
  });

  test("refuses an asynchronous function", () => {
    expect(() => noGrad(async () => {})).toThrow("[noGrad] the function is asynchronous.");
    tensorScope(() => expect(mul(Tensor.ones([1], { requiresGrad: true }), 2).requiresGrad).toBe(true));
  });
});
