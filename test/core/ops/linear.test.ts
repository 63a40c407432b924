import { linear, parameter, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp, type OpCase } from "../../support/check-op.ts";
import { cpuOnly, device, levels } from "../../support/devices.ts";

/** y = x · weightᵀ + bias. */
function formula([x, weight, bias]: readonly Array64[]): Array64 {
  const [outSize, inSize] = weight!.shape as [number, number];
  return array64([...x!.shape.slice(0, -1), outSize], (i) => {
    const [row, n] = [Math.floor(i / outSize), i % outSize];
    let sum = bias ? bias.data[n]! : 0;
    for (let k = 0; k < inSize; k++) sum += x!.data[row * inSize + k]! * weight!.data[n * inSize + k]!;
    return sum;
  });
}

const sizes = (leading: readonly number[], outSize: number, inSize: number): OpCase => ({
  name: `[${leading}, ${inSize}] to ${outSize}`,
  inputs: [normal([...leading, inSize], 1), normal([outSize, inSize], 2), normal([outSize], 3)],
});
const cases = [
  sizes([1], 1, 1),
  sizes([31], 32, 33),
  sizes([32], 33, 31),
  sizes([33], 31, 32),
  sizes([7], 70, 2),
  sizes([2, 3], 5, 4),
  sizes([0], 4, 3),
  sizes([3], 33, 801), // more of k than one block holds
  sizes([270], 9, 8), // more rows than one block of the weight's gradient holds
  sizes([25], 130, 3), // several blocks of rows and columns
];

checkOp("linear", {
  op: ([x, weight, bias]) => linear(x!, weight!, bias),
  reference: formula,
  cases,
});
checkOp("linear without bias", {
  op: ([x, weight]) => linear(x!, weight!),
  reference: formula,
  cases: cases.slice(0, 2).map(({ name, inputs }) => ({ name, inputs: inputs.slice(0, 2) })),
});
checkOp("linear with a float32 weight", {
  op: ([x, weight, bias]) => linear(x!, weight!, bias),
  reference: formula,
  cases: [sizes([33], 31, 32), sizes([4], 3, 801)],
  float32Inputs: [1, 2],
});

const tensorOn =
  (level: string) =>
  (values: Array64, dtype: "float32" | "bfloat16" = "float32"): Tensor =>
    Tensor.from(Float32Array.from(values.data), { shape: values.shape, dtype, device: device(level) });

// A GPU's library of products chooses by their shape.
describe.each(cpuOnly)("linear on %s", (level) => {
  const tensor = tensorOn(level);

  test.each([
    ["float32", "float32"],
    ["float32", "bfloat16"],
    ["bfloat16", "float32"],
    ["bfloat16", "bfloat16"],
  ] as const)("a %s row has the same bits alone and in any batch, with %s weights", async (dtype, weightDtype) => {
    // From 17 rows on products go another way; 70 and 203 columns end in the middle of a panel.
    for (const [inSize, outSize] of [
      [97, 70],
      [300, 203],
    ] as const) {
      const [x, weight, bias] = [normal([38, inSize], 1), normal([outSize, inSize], 2), normal([outSize], 3)];
      const rows = (from: number, to: number) => array64([to - from, inSize], (i) => x.data[from * inSize + i]!);
      for (const make of [(t: Tensor) => t, parameter]) {
        const w = make(tensor(weight, weightDtype));
        const run = (values: Array64) =>
          tensorScope(() => ({ read: linear(tensor(values, dtype), w, tensor(bias)).data() })).read;
        const whole = await run(x);
        for (const [from, to] of [
          [0, 1],
          [37, 38],
          [5, 7],
          [6, 9],
          [2, 9],
          [22, 38],
          [3, 22],
        ] as const) {
          expect(await run(rows(from, to)), `rows ${from} to ${to}`).toEqual(whole.slice(from * outSize, to * outSize));
        }
        w.dispose();
      }
    }
  });
});

describe.each(levels)("linear on %s", (level) => {
  const on = device(level);
  const tensor = tensorOn(level);

  test("the gradients of weight and bias add up over backward passes", async () => {
    const x = normal([40, 5], 1);
    const weight = parameter(tensor(normal([3, 5], 2)));
    const bias = parameter(tensor(normal([3], 3)));
    const pass = async () => {
      tensorScope(() => {
        const y = linear(tensor(x), weight, bias);
        y.backward({ gradient: Tensor.full([40, 3], 0.5, { device: on }) });
      });
      return [await weight.grad!.data(), await bias.grad!.data()] as const;
    };
    const [dw, db] = await pass();
    expect([...db]).toEqual([20, 20, 20]); // 40 × 0.5
    const [twiceDw, twiceDb] = await pass();
    expect([...twiceDb]).toEqual([40, 40, 40]);
    for (const [i, value] of twiceDw.entries()) expect(value).toBeCloseTo(2 * dw[i]!, 4);
    weight.dispose();
    bias.dispose();
  });

  test("a float32 weight takes part in a bfloat16 product rounded to bfloat16", async () => {
    // 1 + 2^-8 lies halfway between 1 and 1 + 2^-7 and rounds to even: 1
    const { read } = tensorScope(() => {
      const x = Tensor.from([[1]], { dtype: "bfloat16", device: on });
      return { read: linear(x, Tensor.from([[1 + 2 ** -8], [1 + 3 * 2 ** -8]], { device: on })).data() };
    });
    expect([...(await read)]).toEqual([1, 1 + 2 ** -6]);
  });
});

test("a weight's gradient has the same bits in one pass over the tokens and in two", async () => {
  // Sums go over the tokens in order, from the gradient that is there: so many that they are packed in pieces.
  const [tokens, outSize, inSize] = [600, 400, 4000];
  const fill = (cols: number, step: number) =>
    Float32Array.from({ length: tokens * cols }, (_, i) => ((i * step) % 1009) / 1009 - 0.5);
  const [x, dy] = [fill(inSize, 7919), fill(outSize, 6007)];
  const gradient = async (threads: number, ...passes: [number, number][]) => {
    const on = device(cpuOnly.at(-1)!, threads);
    const weight = parameter(Tensor.zeros([outSize, inSize], { device: on }));
    for (const [from, to] of passes) {
      tensorScope(() => {
        const rows = (all: Float32Array, cols: number) =>
          Tensor.from(all.slice(from * cols, to * cols), { shape: [to - from, cols], device: on });
        linear(rows(x, inSize), weight).backward({ gradient: rows(dy, outSize) });
      });
    }
    const values = (await weight.grad!.data()) as Float32Array;
    weight.dispose();
    return values;
  };
  const once = await gradient(2, [0, tokens]);
  for (const other of [await gradient(1, [0, tokens]), await gradient(3, [0, 202], [202, tokens])]) {
    expect(Buffer.from(other.buffer).equals(Buffer.from(once.buffer))).toBe(true);
  }
  for (const place of [0, 123_457, outSize * inSize - 1]) {
    const [n, k] = [Math.floor(place / inSize), place % inSize];
    let sum = 0;
    for (let t = 0; t < tokens; t++) sum += dy[t * outSize + n]! * x[t * inSize + k]!;
    expect(Math.abs(once[place]! - sum)).toBeLessThan(1e-4);
  }
});

test("shapes that do not fit are named", () => {
  tensorScope(() => {
    const weight = Tensor.zeros([3, 4]);
    expect(() => linear(Tensor.zeros([2, 5]), weight)).toThrow(
      "[linear] x has shape [2, 5], but weight [3, 4] takes 4",
    );
    expect(() => linear(Tensor.zeros([2, 4]), weight, Tensor.zeros([4]))).toThrow("[linear] bias has shape [4]");
    expect(() => linear(Tensor.zeros([2, 4], { dtype: "int32" }), weight)).toThrow("[linear] x [2, 4] is int32");
  });
});
