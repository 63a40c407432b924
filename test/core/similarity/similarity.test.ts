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
  pairwiseSimilarity,
  similarityMatrix,
  similarityOf,
  Tensor,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { read } from "../../support/read.ts";

const a = [
  [3, 4],
  [0, 0],
];
const b = [
  [4, 3],
  [0, 2],
  [3, 4],
];

describe("similarities of all rows with all", () => {
  test.each([
    // 24 / 25, 8 / 10, 1; a row of zeros is like nothing
    ["cosine", cosSim, [0.96, 0.8, 1, 0, 0, 0]],
    ["dot", dotScore, [24, 8, 25, 0, 0, 0]],
    // √(1 + 1), √(9 + 4), 0; 5, 2, 5
    ["euclidean", euclideanSim, [-Math.SQRT2, -Math.sqrt(13), 0, -5, -2, -5]],
    ["manhattan", manhattanSim, [-2, -5, 0, -7, -2, -7]],
  ] as const)("%s", async (_, similarity, expected) => {
    const found = await read(() => similarity(Tensor.from(a), Tensor.from(b)));
    expected.forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 6);
    });
  });

  test("many rows go in blocks, with the numbers of one", async () => {
    const rows = (count: number, step: number) =>
      Float32Array.from({ length: count * 64 }, (_, i) => Math.sin(step * (i + 1)));
    const left = rows(300, 0.37);
    const right = rows(70, 0.11); // 300 · 70 · 64 differences are more than one block
    const whole = await read(() =>
      euclideanSim(Tensor.from(left, { shape: [300, 64] }), Tensor.from(right, { shape: [70, 64] })),
    );
    for (const i of [0, 233, 234, 299]) {
      for (const j of [0, 69]) {
        let sum = 0;
        for (let c = 0; c < 64; c++) sum += (left[i * 64 + c]! - right[j * 64 + c]!) ** 2;
        expect(whole[i * 70 + j]).toBeCloseTo(-Math.sqrt(sum), 5);
      }
    }
  });
});

test.each([
  ["cosine", pairwiseCosSim, [0.96, 0]],
  ["dot", pairwiseDotScore, [24, 0]],
  ["euclidean", pairwiseEuclideanSim, [-Math.SQRT2, -2]],
  ["manhattan", pairwiseManhattanSim, [-2, -2]],
] as const)("%s of rows that belong together", async (_, similarity, expected) => {
  const found = await read(() => similarity(Tensor.from(a), Tensor.from(b.slice(0, 2))));
  expected.forEach((value, i) => {
    expect(found[i]).toBeCloseTo(value, 6);
  });
});

test("the angle of AnglE has the reference's value, and an odd width gets a zero", async () => {
  const x = Tensor.from([[1, 2, 3, 4]]);
  const y = Tensor.from([[2, -1, 0.5, 3]]);
  expect((await read(() => pairwiseAngleSim(x, y)))[0]).toBeCloseTo(0.4353, 4);
  // [1, 2 | 2, 0] and [2, 1 | 1, 0] with a zero each: Re 1·2 + 2·1 + 2·1, Im 2·2 + 0·1 − 1·1 − 2·0, over 3 · √6
  const odd = await read(() => pairwiseAngleSim(Tensor.from([[1, 2, 2]]), Tensor.from([[2, 1, 1]])));
  expect(odd[0]).toBeCloseTo((6 + 3) / (3 * Math.sqrt(6)), 6);
});

test.each([
  ["euclidean", pairwiseEuclideanSim],
  ["manhattan", pairwiseManhattanSim],
] as const)("equal rows have the gradient 0 under %s, not NaN", async (_, similarity) => {
  const x = Tensor.from([[1, 2]], { requiresGrad: true });
  similarity(x, Tensor.from([[1, 2]]))
    .sum()
    .backward();
  expect(Array.from(await x.grad!.data(), Math.abs)).toEqual([0, 0]);
});

describe("of arrays", () => {
  const vectors = (rows: readonly (readonly number[])[]) => rows.map((row) => Float32Array.from(row));

  test("a matrix, row by row", async () => {
    const { data, shape } = await similarityMatrix(vectors(a), vectors(b), { similarity: "dot" });
    expect([shape, [...data]]).toEqual([
      [2, 3],
      [24, 8, 25, 0, 0, 0],
    ]);
  });
  test("a single vector counts as one", async () => {
    const { data, shape } = await similarityMatrix(Float32Array.of(3, 4), vectors(b));
    expect(shape).toEqual([1, 3]);
    expect(data[0]).toBeCloseTo(0.96, 6);
  });
  test("pairs", async () => {
    const { data, shape } = await pairwiseSimilarity(vectors(a), vectors(b.slice(0, 2)), { similarity: "manhattan" });
    expect([shape, [...data]]).toEqual([[2], [-2, -2]]);
  });
  test("none at all", async () => {
    expect(await similarityMatrix([], vectors(b))).toEqual({ data: new Float32Array(0), shape: [0, 3] });
  });
  test("other widths, other counts and unknown names are named", async () => {
    await expect(similarityMatrix(vectors([[1]]), vectors(b))).rejects.toThrow(
      "[similarityMatrix] vectors of a have 1 numbers, but those of b 2",
    );
    await expect(pairwiseSimilarity(vectors(a), vectors(b))).rejects.toThrow("a has 2 vectors, but b has 3");
    expect(() => similarityOf("cosines" as never)).toThrow('similarity "cosines" is unknown');
  });
});
