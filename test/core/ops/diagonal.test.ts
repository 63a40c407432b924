import { abs, diagonal, Tensor } from "@ettin/core";
import { expect, test } from "vitest";
import { array64, map64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";

checkOp("diagonal", {
  op: ([x], _, name) => diagonal(x!, name === "from column 2" ? 2 : 0),
  reference: ([x], name) => {
    const first = name === "from column 2" ? 2 : 0;
    const [rows, columns] = x!.shape as [number, number];
    return array64([rows], (i) => x!.data[i * columns + first + i]!);
  },
  cases: [
    { name: "[1, 1]", inputs: [normal([1, 1], 3)] },
    { name: "[5, 33]", inputs: [normal([5, 33], 4)] },
    { name: "from column 2", inputs: [normal([3, 5], 5)] },
  ],
});

checkOp("abs", {
  op: ([x]) => abs(x!),
  reference: ([x]) => map64(x!, Math.abs),
  cases: [
    { name: "[3, 31]", inputs: [normal([3, 31], 6)] },
    { name: "[33]", inputs: [normal([33], 7)] },
  ],
});

test("the absolute value of 0 has gradient 0", async () => {
  const x = Tensor.from([0], { requiresGrad: true });
  abs(x).backward();
  expect((await x.grad!.data())[0]).toBe(0);
  x.dispose();
});

test("a diagonal that leaves the matrix is refused", () => {
  expect(() => diagonal(Tensor.zeros([3, 4]), 2)).toThrow("[diagonal] 3 rows from column 2 on, but x has 4 columns");
});
