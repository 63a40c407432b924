import { concat, contiguous, expand, reshape, slice, split, Tensor, transpose } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

const one = (name: string, ...shapes: number[][]) => ({ name, inputs: shapes.map((shape, i) => normal(shape, i + 1)) });

checkOp("reshape", {
  op: ([x]) => reshape(x!, [-1, 3]),
  reference: ([x]) => ({ shape: [x!.data.length / 3, 3], data: x!.data }),
  cases: [one("[0]", [0]), one("[3]", [3]), one("[2, 33]", [2, 33])],
});

const transposed = ({ shape, data }: Array64): Array64 => {
  const [rows, columns] = [shape[0]!, shape[1]!];
  return array64([columns, rows], (i) => data[(i % rows) * columns + Math.floor(i / rows)]!);
};
checkOp("transpose", {
  op: ([x]) => contiguous(transpose(x!)),
  reference: ([x]) => transposed(x!),
  cases: [
    [0, 3],
    [1, 31],
    [31, 1],
    [31, 33],
    [32, 32],
    [33, 70],
    [130, 65],
  ].map((shape) => one(`[${shape}]`, shape)),
});
checkOp("transpose of the outermost and the innermost axis", {
  op: ([x]) => contiguous(transpose(x!, 0, 3)),
  reference: ([x]) => {
    const [a, b, c, d] = x!.shape as [number, number, number, number];
    return array64(
      [d, b, c, a],
      (i) => x!.data[(i % a) * b * c * d + (Math.floor(i / a) % (b * c)) * d + Math.floor(i / (a * b * c))]!,
    );
  },
  cases: [one("[33, 2, 3, 40]", [33, 2, 3, 40]), one("[8, 1, 5, 9]", [8, 1, 5, 9])],
});
checkOp("transpose of the outer axes", {
  op: ([x]) => contiguous(transpose(x!, 0, 1)),
  reference: ([x]) => {
    const [a, b, c] = x!.shape as [number, number, number];
    return array64([b, a, c], (i) => {
      const [outer, middle, inner] = [Math.floor(i / (a * c)), Math.floor(i / c) % a, i % c];
      return x!.data[(middle * b + outer) * c + inner]!;
    });
  },
  cases: [one("[3, 5, 7]", [3, 5, 7]), one("[33, 2, 64]", [33, 2, 64])],
});

checkOp("expand", {
  op: ([x]) => contiguous(expand(x!, [4, 3, 5])),
  reference: ([x]) => array64([4, 3, 5], (i) => x!.data[x!.data.length === 3 ? Math.floor(i / 5) % 3 : i % 5]!),
  cases: [one("[3, 1]", [3, 1]), one("[5]", [5]), one("[1, 1, 5]", [1, 1, 5])],
});

checkOp("slice", {
  op: ([x]) => contiguous(slice(x!, 1, 3, 1)),
  reference: ([x]) => {
    const [, n, inner] = x!.shape as [number, number, number];
    return array64(
      [x!.shape[0]!, 2, inner],
      (i) => x!.data[Math.floor(i / (2 * inner)) * n * inner + inner + (i % (2 * inner))]!,
    );
  },
  cases: [one("[2, 3, 1]", [2, 3, 1]), one("[5, 4, 33]", [5, 4, 33])],
});

const columns = (x: Array64, from: number, to: number): Array64 =>
  array64(
    [x.shape[0]!, to - from],
    (i) => x.data[Math.floor(i / (to - from)) * x.shape[1]! + from + (i % (to - from))]!,
  );

checkOp("concat along the last axis", {
  op: (xs) => concat(xs, -1),
  reference: (xs) => {
    const width = xs.reduce((sum, x) => sum + x.shape[1]!, 0);
    const rows = xs[0]!.shape[0]!;
    const data = Array.from({ length: rows }, (_, r) =>
      xs.flatMap((x) => [...x.data.subarray(r * x.shape[1]!, (r + 1) * x.shape[1]!)]),
    );
    return { shape: [rows, width], data: Float64Array.from(data.flat()) };
  },
  cases: [
    one("one", [2, 3]),
    one("three, one empty", [3, 31], [3, 0], [3, 33]),
    one("tasks", [70, 50], [70, 70]),
    one("whole vectors", [33, 16], [33, 8], [33, 40]),
  ],
});
checkOp("concat along the first axis", {
  op: (xs) => concat(xs),
  reference: (xs) => ({
    shape: [xs.reduce((sum, x) => sum + x.shape[0]!, 0), 3],
    data: Float64Array.from(xs.flatMap((x) => [...x.data])),
  }),
  cases: [one("two", [2, 3], [31, 3])],
});
checkOp("split, and one piece unused", {
  op: ([x]) => {
    const [a, , c] = split(x!, [2, 1, 4], 1);
    return concat([c!, a!], 1);
  },
  reference: ([x]) => {
    const [a, c] = [columns(x!, 0, 2), columns(x!, 3, 7)];
    return array64([x!.shape[0]!, 6], (i) =>
      i % 6 < 4 ? c.data[Math.floor(i / 6) * 4 + (i % 6)]! : a.data[Math.floor(i / 6) * 2 + (i % 6) - 4]!,
    );
  },
  cases: [one("[3, 7]", [3, 7]), one("[33, 7]", [33, 7])],
});

describe.each(levels)("views on %s", (level) => {
  const on = device(level);
  const x = (): Tensor =>
    Tensor.from(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      { device: on },
    );

  test("share the storage", () => {
    const whole = x();
    for (const view of [reshape(whole, [6]), transpose(whole), slice(whole, 1), expand(slice(whole, 0, 1), [5, 3])]) {
      expect(view.storage).toBe(whole.storage);
    }
  });
  test("a slice counts from the end as arrays do", async () => {
    expect([...(await slice(x(), -1).data())]).toEqual([4, 5, 6]);
    expect([...(await x().slice(0, -1, 1).data())]).toEqual([1, 2, 4, 5]);
  });
  test("views of views read the right places", async () => {
    const view = slice(transpose(slice(x(), 1, 3, 1)), 1); // columns 2..3, turned, the last: 3, 6
    expect([...(await view.data())]).toEqual([3, 6]);
    expect([...(await reshape(transpose(x()), [6]).data())]).toEqual([1, 4, 2, 5, 3, 6]);
  });
  test("strided pieces are put together without a copy", async () => {
    const turned = transpose(x());
    expect([...(await concat([turned, turned], 1).data())]).toEqual([1, 4, 1, 4, 2, 5, 2, 5, 3, 6, 3, 6]);
  });
});

test("mistakes are named", () => {
  const x = Tensor.zeros([2, 3]);
  expect(() => reshape(x, [4, -1])).toThrow("[reshape] x [2, 3] has 6 elements, which do not fill [4, -1]");
  expect(() => slice(x, 1, 4)).toThrow("[slice] 1 to 4 along axis 0 of x [2, 3]. Stay between 0 and 2");
  expect(() => expand(x, [2, 2])).toThrow("[expand] shapes [2, 3] and [2, 2] do not fit");
  expect(() => expand(x, [3])).toThrow("[expand] x has shape [2, 3], which does not stretch to [3]");
  expect(() => split(x, [1, 1], 1)).toThrow("[split] sizes [1, 1] add up to 2, but axis 1 of x [2, 3] has 3");
  expect(() => concat([])).toThrow("[concat] the list is empty");
  expect(() => concat([x, Tensor.zeros([2, 4])])).toThrow("[concat] xs[0] has shape [2, 3], but xs[1] has [2, 4]");
  expect(() => transpose(x, 0, 2)).toThrow("[transpose] axis is 2, but x has shape [2, 3]");
});
