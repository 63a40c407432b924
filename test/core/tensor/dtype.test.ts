/** Tensors are float32, bfloat16 or int32; a kernel that is handed anything else refuses it before it touches memory. */
import {
  add,
  cpuLevels,
  defaultDevice,
  EngineError,
  exactSearch,
  KernelError,
  openCpu,
  Tensor,
  tensorScope,
} from "@ettin/core";
import { loadAddon } from "@ettin/native";
import { describe, expect, test } from "vitest";
import type { Addon } from "../../../packages/core/src/backend/addon.ts";
import type { Backend, TensorView } from "../../../packages/core/src/backend/contract.ts";
import { opOf } from "../../../packages/core/src/backend/native-backend.ts";
import { Corpus } from "../../../packages/core/src/index/exact.ts";
import { runChild } from "../../support/child.ts";

const { backend } = defaultDevice();
const x = Tensor.zeros([8, 8]);
const WORDS = 'but tensors are of "float32", "bfloat16", "int32". Use one of those.';

test.each(["int8", "uint8", "float16", "half", "float64", "toString", ""])("dtype %j makes no tensor", (name) => {
  const dtype = name as never;
  const x = Tensor.ones([2]);
  for (const make of [
    () => Tensor.full([3e6], 1, { dtype }),
    () => Tensor.zeros([2], { dtype }),
    () => Tensor.ones([2], { dtype }),
    () => Tensor.from([1, 2], { dtype }),
    () => Tensor.empty([2], { dtype }),
    () => Tensor.empty([2], x, dtype),
  ]) {
    expect(make).toThrow(EngineError);
    expect(make).toThrow(`[Tensor] dtype is "${name}", ${WORDS}`);
  }
  expect(() => x.to(dtype)).toThrow(`[cast] dtype is "${name}", ${WORDS}`);
  x.dispose();
});

test("an unknown dtype is an error of the program, not the end of the process", async () => {
  const { code, stderr } = await runChild('core.Tensor.zeros([2], { dtype: "float16" })');
  expect(code).toBe(1);
  expect(stderr).toContain(`[Tensor] dtype is "float16", ${WORDS}`);
});

describe("a corpus of int8", () => {
  test("is searched, and is no tensor that another op takes", async () => {
    const corpus = Corpus.from(Int8Array.of(1, 0, 0, 2), { dim: 2 });
    const { rows } = exactSearch(Tensor.from([[0, 1]]), corpus, 1);
    expect([...(await rows.data())]).toEqual([1]);
    expect(corpus.view).not.toBeInstanceOf(Tensor);
    // @ts-expect-error what a corpus holds is for its search
    expect(() => add(corpus.view, corpus.view)).toThrow();
    corpus.dispose();
    expect(() => corpus.view).toThrow("[Corpus] a corpus of 2 vectors was used after it was disposed.");
  });
});

/** A view for each letter of a signature that stands for tensors; of a list, the list. */
function views(signature: string, bad: number, dtype: string) {
  const view = (i: number): TensorView => {
    const { storage, offset, shape, strides } = x;
    return { storage, offset, shape, strides, dtype: (i === bad ? dtype : "float32") as TensorView["dtype"] };
  };
  return [...signature].map((letter, i) => {
    if (letter === "b") return false;
    if ("id".includes(letter)) return 0;
    return "lL".includes(letter) ? [view(i)] : view(i);
  });
}

const kernels = (loadAddon() as Addon).kernels;
const call = (name: string, args: unknown[]) =>
  (backend as unknown as Record<string, (...args: unknown[]) => void>)[name]!(...args);

test.each(["int8", "uint8"])("every kernel refuses %s for each of its tensors, but a corpus", (dtype) => {
  let refused = 0;
  for (const { name, signature } of kernels) {
    for (const [bad, letter] of [...signature].entries()) {
      if ("idbsS".includes(letter)) continue;
      expect(() => call(name, views(signature, bad, dtype)), `${name}, argument ${bad}`).toThrow(
        `[${opOf(name)}] a tensor is ${dtype}, but kernels compute in float32, bfloat16 and int32. Pass`,
      );
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(250);
});

describe.each(cpuLevels())("on %s, a kernel of floats", (level) => {
  const families: Record<string, (b: Backend, y: Tensor, x: Tensor) => void> = {
    relu: (b, y, x) => b.reluForward(y, x),
    geglu: (b, y, x) => b.gegluForward(y.viewAs([4, 2]), x.viewAs([2, 4])),
    sum: (b, y, x) => b.sum(y, x, 1),
    softmax: (b, y, x) => b.softmaxForward(y, x, 1),
    layerNorm: (b, y, x) =>
      b.layerNormForward(y, null, Tensor.zeros([4], x), Tensor.zeros([4], x), x, null, null, null, 1e-5),
    linear: (b, y, x) => b.linearForward(y, x, Tensor.zeros([4, 4], x), null),
    matmul: (b, y, x) => b.matmul(y, x, x),
    topK: (b, y, x) => b.topK(y, Tensor.zeros([4, 4], x), x, 4),
    segmentMean: (b, y, x) =>
      b.segmentMeanForward(y, x, Tensor.from([0, 1, 2, 3, 4], { dtype: "int32", device: x.device }), null),
    dropout: (b, y, x) => b.dropout(y, x, null, null, 0, 0.5, 1, 1, 1),
  };
  test("refuses int32", async () => {
    const device = openCpu({ level, threads: 1 });
    for (const [name, run] of Object.entries(families)) {
      const { y } = tensorScope(() => {
        const [x, y] = [0, 0].map(() => Tensor.zeros([4, 4], { device, dtype: "int32" })) as [Tensor, Tensor];
        run(device.backend, y, x);
        return { y };
      });
      const error = await y.data().then(
        () => expect.fail(`${name} ran`),
        (error) => error,
      );
      expect(error).toBeInstanceOf(KernelError);
      expect(error.message).toContain(`[${name}] `);
    }
    device.backend.close();
  });
});
