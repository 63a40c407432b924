import { geglu, gelu, mul, silu, slice, swiglu, Tensor, tensorScope } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp, expectClose } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";
import { erf } from "../../support/erf.ts";

const shapes = [
  [0, 8],
  [3, 0],
  [1, 2],
  [1, 62],
  [2, 64],
  [3, 66],
  [2, 3, 34],
  [70, 130], // an odd width over more than one task
  [40, 512],
];
const cases = shapes.map((shape, i) => ({ name: `[${shape}]`, inputs: [normal(shape, i + 1, 2)] }));

const gated = (x: Array64, f: (a: number) => number): Array64 => {
  const width = x.shape.at(-1)! / 2;
  return array64([...x.shape.slice(0, -1), width], (i) => {
    const at = Math.floor(i / width) * 2 * width + (i % width);
    return f(x.data[at]!) * x.data[at + width]!;
  });
};

checkOp("geglu", {
  op: ([x]) => geglu(x!),
  reference: ([x]) => gated(x!, (a) => (a / 2) * (1 + erf(a / Math.SQRT2))),
  cases,
});
checkOp("swiglu", { op: ([x]) => swiglu(x!), reference: ([x]) => gated(x!, (a) => a / (1 + Math.exp(-a))), cases });

describe.each(levels)("fused gates on %s", (level) => {
  test.each([
    ["geglu", geglu, gelu],
    ["swiglu", swiglu, silu],
  ] as const)("%s has the numbers of its parts", async (_, fused, activation) => {
    const values = Float32Array.from(normal([33, 62], 5).data);
    const parts = (x: Tensor) => mul(activation(slice(x, 0, 31, 1)), slice(x, 31, 62, 1));
    const [a, b] = [fused, parts].map((f) =>
      tensorScope(() => {
        const x = Tensor.from(values, { shape: [33, 62], device: device(level), requiresGrad: true });
        const y = f(x);
        y.backward({ gradient: Tensor.full(y.shape, 2, { device: device(level) }) });
        return [y.data(), x.grad!.data()];
      }),
    );
    const [y, dx] = await Promise.all(a!);
    const [yParts, dxParts] = await Promise.all(b!);
    expectClose(y!, yParts!, 1e-6, "forward");
    expectClose(dx!, dxParts!, 1e-6, "gradient");
  });
});

test("an odd width is refused with the shape", () => {
  expect(() => geglu(Tensor.zeros([2, 3]))).toThrow("[geglu] x has shape [2, 3]. Its last dimension is cut in two");
});
