import { l2Normalize, sum, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

const shapes = [[4], [3, 31], [2, 32], [5, 33], [2, 150], [2, 1500], [2, 3, 7], [0, 8]];

checkOp("l2Normalize", {
  op: ([x]) => l2Normalize(x!),
  reference([x]) {
    const C = x!.shape.at(-1)!;
    const y = array64(x!.shape);
    for (let start = 0; start < y.data.length; start += C) {
      const norm = Math.hypot(...x!.data.subarray(start, start + C));
      for (let c = 0; c < C; c++) y.data[start + c] = x!.data[start + c]! / Math.max(norm, 1e-12);
    }
    return y;
  },
  cases: shapes.map((shape) => ({ name: `[${shape.join(", ")}]`, inputs: [normal(shape, 37)] })),
});

describe.each(levels)("l2Normalize on %s", (level) => {
  const on = device(level);

  test("3, 4 becomes 0.6, 0.8", async () => {
    const y = await l2Normalize(Tensor.from([3, 4], { device: on })).data();
    expect(y[0]).toBeCloseTo(0.6, 6);
    expect(y[1]).toBeCloseTo(0.8, 6);
  });

  test("a row shorter than eps is divided by eps, zeros included", async () => {
    const x = Tensor.from(
      [
        [0, 0],
        [0.25, 0],
      ],
      { device: on, requiresGrad: true },
    );
    const y = l2Normalize(x, { eps: 0.5 });
    expect([...(await y.data())]).toEqual([0, 0, 0.5, 0]); // 0.25 / 0.5
    sum(y).backward();
    expect([...(await x.grad!.data())]).toEqual([2, 2, 2, 2]); // 1 / 0.5
    x.dispose();
  });
});
