import { linear, log1p, relu, segmentMax, spladePool, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp, expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

/** Where sequences start, by a case's name. */
const OFFSETS: Readonly<Record<string, number[]>> = {
  "one token": [0, 1],
  "an empty sequence between two": [0, 3, 3, 8],
  "only empty sequences": [0, 0, 0],
  "31 and 33 tokens": [0, 31, 64],
};

function reference([x, w, bias]: readonly Array64[], offsets: number[], logTwice: boolean): Array64 {
  const dim = x!.shape[1]!;
  const vocabulary = w!.shape[0]!;
  return array64([offsets.length - 1, vocabulary], (i) => {
    const [b, v] = [Math.floor(i / vocabulary), i % vocabulary];
    let best = 0;
    for (let t = offsets[b]!; t < offsets[b + 1]!; t++) {
      let score = bias?.data[v] ?? 0;
      for (let d = 0; d < dim; d++) score += x!.data[t * dim + d]! * w!.data[v * dim + d]!;
      best = Math.max(best, Math.log1p(Math.max(score, 0)));
    }
    return logTwice ? Math.log1p(best) : best;
  });
}

const shapes = [
  ["one token", 1, 1],
  ["an empty sequence between two", 33, 8],
  ["only empty sequences", 5, 4],
  ["31 and 33 tokens", 32, 15],
] as const;
const cases = shapes.map(([name, vocabulary, dim]) => ({
  name,
  inputs: [normal([OFFSETS[name]!.at(-1)!, dim], 4), normal([vocabulary, dim], 5), normal([vocabulary], 6)],
}));

for (const activation of ["relu", "log1p_relu"] as const) {
  checkOp(`spladePool, ${activation}`, {
    op: ([x, w, bias], on, name) =>
      spladePool(x!, w!, Tensor.from(Int32Array.from(OFFSETS[name]!), { device: on }), { bias: bias!, activation }),
    reference: (inputs, name) => reference(inputs, OFFSETS[name]!, activation === "log1p_relu"),
    cases,
  });
}
checkOp("spladePool without a bias", {
  op: ([x, w], on, name) => spladePool(x!, w!, Tensor.from(Int32Array.from(OFFSETS[name]!), { device: on })),
  reference: (inputs, name) => reference(inputs, OFFSETS[name]!, false),
  cases: cases.map(({ name, inputs }) => ({ name, inputs: inputs.slice(0, 2) })),
});

describe.each(levels)("spladePool on %s", (level) => {
  const on = device(level);
  const offsets = (...starts: number[]) => Tensor.from(Int32Array.from(starts), { device: on });

  test("a word that no token scores above zero has weight zero and no gradient", async () => {
    const x = Tensor.from([[1], [2]], { device: on, requiresGrad: true });
    const w = Tensor.from([[-1], [1]], { device: on, requiresGrad: true });
    const y = spladePool(x, w, offsets(0, 2));
    expect([...(await y.data())]).toEqual([0, Math.fround(Math.log(3))]);
    y.backward({ gradient: Tensor.ones([1, 2], { device: on }) });
    // word 1 is won by token 1 with score 2: dscore = 1/3; dx = dscore·w = 1/3, dw = dscore·x = 2/3
    const [dx, dw] = await Promise.all([x.grad!.data(), w.grad!.data()]);
    expect([dx[0], dw[0]]).toEqual([0, 0]);
    expect(dx[1]).toBeCloseTo(1 / 3, 6);
    expect(dw[1]).toBeCloseTo(2 / 3, 6);
  });

  test("of equal tokens the first gets the gradient", async () => {
    const x = Tensor.from([[2], [2]], { device: on, requiresGrad: true });
    const w = Tensor.from([[1]], { device: on });
    spladePool(x, w, offsets(0, 2)).backward({ gradient: Tensor.ones([1, 1], { device: on }) });
    const [first, second] = await x.grad!.data();
    expect(first).toBeCloseTo(1 / 3, 6);
    expect(second).toBe(0);
  });

  test.each([
    [4, 5, 9],
    [3, 8300, 8309], // a sequence longer than what is counted at once
  ])(
    "agrees with segmentMax(log1p(relu(linear(x, weight, bias))), offsets), gradients too: %d, %d, %d",
    async (...ends) => {
      const tokens = ends[2];
      const leaf = (values: Array64) =>
        Tensor.from(Float32Array.from(values.data), { shape: values.shape, device: on, requiresGrad: true });
      const dy = Tensor.from(Float32Array.from(normal([3, 40], 9).data), { shape: [3, 40], device: on });
      const reads = tensorScope(() =>
        [true, false].flatMap((fused) => {
          const [x, w, bias] = [leaf(normal([tokens, 16], 1)), leaf(normal([40, 16], 2)), leaf(normal([40], 3))];
          const starts = offsets(0, ...ends);
          const y = fused ? spladePool(x, w, starts, { bias }) : segmentMax(log1p(relu(linear(x, w, bias))), starts);
          y.backward({ gradient: dy });
          return [y.data(), ...[x, w, bias].map((t) => t.grad!.data())];
        }),
      );
      const values = await Promise.all(reads);
      for (let i = 0; i < 4; i++) expectClose(values[i]!, values[i + 4]!, 1e-6, ["y", "dx", "dw", "dbias"][i]!);
    },
  );

  test("a NaN among the scores is seen in the result", async () => {
    const x = Tensor.from([[1], [Number.NaN], [3]], { device: on });
    const y = spladePool(x, Tensor.from([[1]], { device: on }), offsets(0, 3));
    expect([...(await y.data())]).toEqual([Number.NaN]);
  });

  test("a vocabulary larger than one block of scores gives each word its own weight", async () => {
    const vocabulary = 70_000; // one token's block holds 4 M scores, 300 tokens' 13,952
    const x = Tensor.full([300, 1], 1, { device: on });
    const w = Tensor.from(
      Float32Array.from({ length: vocabulary }, (_, v) => v),
      { shape: [vocabulary, 1], device: on },
    );
    const y = await spladePool(x, w, offsets(0, 300)).data();
    expect(y.findIndex((value, v) => Math.abs(value - Math.log1p(v)) > 1e-5 * 12)).toBe(-1);
  });
});

test("offsets of another batch are named in the error", () => {
  const [x, w] = [Tensor.zeros([3, 2]), Tensor.zeros([4, 2])];
  expect(() => spladePool(x, w, Tensor.from(Int32Array.of(0, 2)))).toThrow(
    "[spladePool] offsets end at 2, but x has 3 tokens",
  );
});
