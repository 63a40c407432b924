import {
  cosSim,
  dotScore,
  euclideanSim,
  manhattanSim,
  pairwiseAngleSim,
  pairwiseCosSim,
  pairwiseDotScore,
  pairwiseEuclideanSim,
  pairwiseManhattanSim,
  similarityFunction,
  sum,
  Tensor,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { type Array64, array64, normal } from "../../support/array64.ts";
import { checkOp } from "../../support/check-op.ts";

type Vector = Float64Array;
const rowsOf = ({ shape, data }: Array64): Vector[] =>
  Array.from({ length: shape[0]! }, (_, i) => data.subarray(i * shape[1]!, (i + 1) * shape[1]!));
const dot = (x: Vector, y: Vector) => x.reduce((total, value, c) => total + value * y[c]!, 0);
const distance = (x: Vector, y: Vector, power: number) =>
  x.reduce((total, value, c) => total + Math.abs(value - y[c]!) ** power, 0) ** (1 / power);
const angle = (x: Vector, y: Vector) => {
  const half = Math.ceil(x.length / 2);
  let total = 0;
  for (let c = 0; c < half; c++) {
    const [a, b, re, im] = [x[c]!, x[half + c] ?? 0, y[c]!, y[half + c] ?? 0];
    total += a * re + b * im + b * re - a * im;
  }
  return Math.abs(total) / Math.sqrt(dot(x, x) * dot(y, y));
};
const formulas = {
  dot,
  cos: (x: Vector, y: Vector) => dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y)),
  euclidean: (x: Vector, y: Vector) => -distance(x, y, 2),
  manhattan: (x: Vector, y: Vector) => -distance(x, y, 1),
  angle,
};
const matrix =
  (f: (x: Vector, y: Vector) => number) =>
  ([a, b]: readonly Array64[]) => {
    const [xs, ys] = [rowsOf(a!), rowsOf(b!)];
    return array64([xs.length, ys.length], (k) => f(xs[Math.floor(k / ys.length)]!, ys[k % ys.length]!));
  };
const pairs =
  (f: (x: Vector, y: Vector) => number) =>
  ([a, b]: readonly Array64[]) => {
    const [xs, ys] = [rowsOf(a!), rowsOf(b!)];
    return array64([xs.length], (i) => f(xs[i]!, ys[i]!));
  };
const inputs = (...shapes: number[][]) => ({
  name: shapes.map((shape) => `[${shape.join(", ")}]`).join(" "),
  inputs: shapes.map((shape, i) => normal(shape, 11 + i)),
});

for (const [name, op, formula] of [
  ["dotScore", dotScore, formulas.dot],
  ["cosSim", cosSim, formulas.cos],
  ["euclideanSim", euclideanSim, formulas.euclidean],
  ["manhattanSim", manhattanSim, formulas.manhattan],
] as const) {
  checkOp(name, {
    op: ([a, b]) => op(a!, b!),
    reference: matrix(formula),
    cases: [inputs([3, 31], [5, 31]), inputs([1, 2], [1, 2])],
    bfloat16: false,
  });
}
for (const [name, op, formula] of [
  ["pairwiseDotScore", pairwiseDotScore, formulas.dot],
  ["pairwiseCosSim", pairwiseCosSim, formulas.cos],
  ["pairwiseEuclideanSim", pairwiseEuclideanSim, formulas.euclidean],
  ["pairwiseManhattanSim", pairwiseManhattanSim, formulas.manhattan],
  ["pairwiseAngleSim", pairwiseAngleSim, formulas.angle],
] as const) {
  checkOp(name, {
    op: ([a, b]) => op(a!, b!),
    reference: pairs(formula),
    cases: [inputs([3, 31], [3, 31]), inputs([4, 6], [4, 6])],
    bfloat16: false,
  });
}

describe("similarities", () => {
  test("the angle similarity of [1, 2, 3, 4] and [2, −1, 0.5, 3] is 0.4353", async () => {
    const y = pairwiseAngleSim(Tensor.from([[1, 2, 3, 4]]), Tensor.from([[2, -1, 0.5, 3]]));
    expect((await y.data())[0]).toBeCloseTo(0.4353, 4);
  });

  test.each([
    ["euclideanSim", euclideanSim],
    ["manhattanSim", manhattanSim],
    ["pairwiseEuclideanSim", pairwiseEuclideanSim],
    ["pairwiseManhattanSim", pairwiseManhattanSim],
  ] as const)("%s of a vector and itself is exactly 0, with gradient 0", async (_, similarity) => {
    const x = Tensor.from([[0.1, -0.7, 1e4]], { requiresGrad: true });
    const same = Tensor.from([[0.1, -0.7, 1e4]], { requiresGrad: true });
    const y = similarity(x, same);
    expect(Math.abs((await y.data())[0]!)).toBe(0);
    sum(y).backward();
    for (const leaf of [x, same]) expect([...(await leaf.grad!.data())].map(Math.abs)).toEqual([0, 0, 0]);
    for (const leaf of [x, same]) leaf.dispose();
  });

  test("a zero vector has cosine and angle 0, with a finite gradient", async () => {
    for (const similarity of [cosSim, pairwiseCosSim, pairwiseAngleSim]) {
      const x = Tensor.from([[0, 0]], { requiresGrad: true });
      const y = similarity(x, Tensor.from([[3, 4]]));
      expect((await y.data())[0]).toBe(0);
      sum(y).backward();
      expect([...(await x.grad!.data())].every(Number.isFinite)).toBe(true);
      x.dispose();
    }
  });

  test("many rows, which are compared in chunks, give what few do", async () => {
    const [n, m, dim] = [40, 400, 700]; // 14 rows of differences fit into a chunk
    const [a, b] = [normal([n, dim], 3), normal([m, dim], 4)];
    const from = (x: Array64) => Tensor.from(Float32Array.from(x.data), { shape: x.shape, requiresGrad: true });
    const [leafA, leafB] = [from(a), from(b)];
    const y = euclideanSim(leafA, leafB);
    const data = await y.data();
    const [xs, ys] = [rowsOf(a), rowsOf(b)];
    for (const [i, j] of [
      [0, 0],
      [13, 399],
      [14, 0],
      [39, 399],
      [28, 7],
    ] as const) {
      expect(data[i * m + j]).toBeCloseTo(-distance(xs[i]!, ys[j]!, 2), 3);
    }
    sum(y).backward();
    const [gradA, gradB] = [await leafA.grad!.data(), await leafB.grad!.data()];
    // d/da[i] of −Σ_j ‖a[i] − b[j]‖
    const i = 39;
    const expected = ys.reduce((total, v) => total - (xs[i]![5]! - v[5]!) / distance(xs[i]!, v, 2), 0);
    expect(gradA[i * dim + 5]).toBeCloseTo(expected, 4);
    const total = (x: ArrayLike<number>) => Array.from(x).reduce((s, value) => s + value, 0);
    expect(total(gradA) + total(gradB)).toBeCloseTo(0, 1); // what pushes a pulls b
    for (const tensor of [leafA, leafB, y]) tensor.dispose();
  });

  test("vectors of two dimensions are named in the error", () => {
    const a = Tensor.zeros([2, 3]);
    expect(() => cosSim(a, Tensor.zeros([4, 5]))).toThrow(
      "[cosSim] a [2, 3] has vectors of 3 numbers, but b [4, 5] of 5",
    );
    expect(() => pairwiseDotScore(a, Tensor.zeros([4, 3]))).toThrow("[pairwiseDotScore] a has 2 vectors, but b has 4");
    expect(() => similarityFunction("cos" as "cosine")).toThrow('there is no similarity "cos"');
  });
});
