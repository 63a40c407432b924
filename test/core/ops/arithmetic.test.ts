import { add, affine, div, mul, neg, sub, Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal, uniform } from "../../support/array64.ts";
import { checkOp, type OpCase } from "../../support/check-op.ts";
import { device, levels } from "../../support/devices.ts";

/** f(a, b) with broadcasting, in plain loops. */
function broadcast(a: Array64, b: Array64, f: (a: number, b: number) => number): Array64 {
  const dims = Math.max(a.shape.length, b.shape.length);
  const size = (x: Array64, d: number) => x.shape[d - dims + x.shape.length] ?? 1;
  const shape = Array.from({ length: dims }, (_, d) => (size(a, d) === 1 ? size(b, d) : size(a, d)));
  const at = (x: Array64, i: number) => {
    let [rest, offset, stride] = [i, 0, 1];
    for (let d = dims - 1; d >= 0; d--) {
      if (size(x, d) !== 1) offset += (rest % shape[d]!) * stride;
      rest = Math.floor(rest / shape[d]!);
      stride *= size(x, d);
    }
    return x.data[offset]!;
  };
  return array64(shape, (i) => f(at(a, i), at(b, i)));
}

/** The elements of x from `start` on, `size` of them, in each dimension. */
function piece(x: Array64, start: readonly number[], size: readonly number[]): Array64 {
  return array64(size, (i) => {
    let [rest, offset, stride] = [i, 0, 1];
    for (let d = size.length - 1; d >= 0; d--) {
      offset += (start[d]! + (rest % size[d]!)) * stride;
      rest = Math.floor(rest / size[d]!);
      stride *= x.shape[d]!;
    }
    return x.data[offset]!;
  });
}

/** x [a, b, c] as [b, a, c]. */
function turned({ shape, data }: Array64): Array64 {
  const [a, b, c] = shape as [number, number, number];
  return array64([b, a, c], (i) => data[((Math.floor(i / c) % a) * b + Math.floor(i / (a * c))) * c + (i % c)]!);
}

const pairs: [number[], number[]][] = [
  [[], []],
  [[0], [1]],
  [[1], [1]],
  [[31], [31]],
  [[33], []],
  [[33, 32], [32]], // a bias
  [
    [33, 31],
    [33, 1],
  ], // one number per row
  [
    [1, 31],
    [33, 1],
  ], // both stretched
  [
    [3, 1, 5],
    [4, 1],
  ], // an axis in front, and one in the middle
];
// these are of one kind in all four ops: add has them
const large: [number[], number[]][] = [
  [[8300], [8300]], // more than one task
  [[2800, 3], [3]], // blocks over many short rows
];
const cases = (second: (shape: number[], seed: number) => Array64, list = pairs): OpCase[] =>
  list.map(([a, b], i) => ({ name: `[${a}] and [${b}]`, inputs: [normal(a, i + 1), second(b, i + 20)] }));
const numbers = cases((shape, seed) => normal(shape, seed));
const apart = cases((shape, seed) => uniform(shape, 0.5, 2, seed)); // from zero

checkOp("add", {
  op: ([a, b]) => add(a!, b!),
  reference: ([a, b]) => broadcast(a!, b!, (p, q) => p + q),
  cases: [...numbers, ...cases((shape, seed) => normal(shape, seed), large)],
});
checkOp("sub", {
  op: ([a, b]) => sub(a!, b!),
  reference: ([a, b]) => broadcast(a!, b!, (p, q) => p - q),
  cases: numbers,
});
checkOp("mul", {
  op: ([a, b]) => mul(a!, b!),
  reference: ([a, b]) => broadcast(a!, b!, (p, q) => p * q),
  cases: numbers,
});
checkOp("div", {
  op: ([a, b]) => div(a!, b!),
  reference: ([a, b]) => broadcast(a!, b!, (p, q) => p / q),
  cases: apart,
});
checkOp("affine", {
  op: ([x]) => affine(x!, -2, 0.5),
  reference: ([x]) => array64(x!.shape, (i) => -2 * x!.data[i]! + 0.5),
  cases: [[], [0], [31], [33, 31]].map((shape) => ({ name: `[${shape}]`, inputs: [normal(shape)] })),
});
checkOp("add of a tensor to itself", {
  op: ([a]) => add(a!, a!),
  reference: ([a]) => array64(a!.shape, (i) => 2 * a!.data[i]!),
  cases: [{ name: "[5]", inputs: [normal([5])] }],
});

describe.each(levels)("arithmetic on %s", (level) => {
  const on = { device: device(level) };
  const ints = (...values: number[]) => Tensor.from(Int32Array.from(values), on);

  test("int32 wraps around", async () => {
    const top = 2 ** 31 - 1;
    expect([...(await add(ints(top, 1), ints(1, 2)).data())]).toEqual([-(2 ** 31), 3]);
    expect([...(await sub(ints(-(2 ** 31), 1), ints(1, 2)).data())]).toEqual([top, -1]);
    expect([...(await mul(ints(65536, 3), ints(65536, -2)).data())]).toEqual([0, -6]);
  });
  test("numbers stand in for tensors", async () => {
    const x = Tensor.from([1, 2], on);
    expect([...(await x.add(1).mul(3).sub(2).div(4).neg().data())]).toEqual([-1, -1.75]); // -((1+1)*3-2)/4, -((2+1)*3-2)/4
    expect([...(await mul(ints(2, 3), 4).data())]).toEqual([8, 12]);
  });
  test("the sign of zero survives a negation", async () => {
    expect(Object.is((await neg(Tensor.from([0], on)).data())[0], -0)).toBe(true);
  });
  test("strided operands need no copy by the caller", async () => {
    const x = Tensor.from(
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
      on,
    );
    expect([...(await add(x.transpose(), x.transpose()).data())]).toEqual([2, 8, 4, 10, 6, 12]);
  });

  // views of whole numbers, exact in every dtype; each beside what is added to it
  const whole = (shape: number[]) => array64(shape, (i) => (i * 7) % 61);
  const views: [string, number[], (x: Tensor) => Tensor, (x: Array64) => Array64, number[]][] = [
    ["a slice at an odd place", [1003], (x) => x.slice(1, 1002), (x) => piece(x, [1], [1001]), [1]],
    ["columns from an even place", [40, 64], (x) => x.slice(8, 40, 1), (x) => piece(x, [0, 8], [40, 32]), [32]],
    ["columns from an odd place", [40, 64], (x) => x.slice(3, 35, 1), (x) => piece(x, [0, 3], [40, 32]), [40, 1]],
    ["rows of a matrix of each", [3, 40, 16], (x) => x.slice(5, 9, 1), (x) => piece(x, [0, 5, 0], [3, 4, 16]), [4, 1]],
    ["outer axes that change places", [6, 5, 16], (x) => x.transpose(0, 1), turned, [6, 16]],
    ["six axes", [2, 3, 2, 3, 2, 8], (x) => x, (x) => x, [2, 1, 2, 1, 2, 1]],
    ["six axes of odd sizes", [2, 3, 2, 3, 2, 5], (x) => x, (x) => x, [3, 1, 3, 1, 5]],
  ];
  test.each(views)("%s", async (_, shape, view, plain, other) => {
    const [x, y] = [whole(shape), whole(other)];
    const expected = [...broadcast(plain(x), y, (p, q) => p + 2 * q).data];
    for (const dtype of ["float32", "bfloat16", "int32"] as const) {
      const [a, b] = [x, y].map((v) => Tensor.from(Float32Array.from(v.data), { ...on, shape: v.shape }).to(dtype));
      const sums = await add(add(view(a!), b!), b!).data();
      expect([...sums], dtype).toEqual(expected);
      expect([...(await add(b!, add(b!, view(a!))).data())], dtype).toEqual(expected);
    }
  });
});

test("shapes that do not fit are named", () => {
  expect(() => add(Tensor.zeros([2, 3]), Tensor.zeros([2, 4]))).toThrow(
    "[add] shapes [2, 3] and [2, 4] do not fit: 3 against 4 in dimension -1",
  );
});
test("dtypes that differ are named", () => {
  const half = Tensor.zeros([2], { dtype: "bfloat16" });
  expect(() => mul(Tensor.zeros([2]), half)).toThrow("[mul] a [2] is float32, but b [2] is bfloat16");
});
