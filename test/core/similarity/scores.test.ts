import { isSimilarityFunctionName, pairwiseSimilarity, similarityMatrix } from "@ettin/core";
import { expect, test } from "vitest";

const vectors = (rows: readonly (readonly number[])[]) => rows.map((row) => Float32Array.from(row));
const a = vectors([
  [3, 4],
  [0, 0],
]);
const b = vectors([
  [4, 3],
  [0, 2],
  [3, 4],
]);

test("a matrix, row by row", async () => {
  const { data, shape } = await similarityMatrix(a, b, { similarity: "dot" });
  expect([shape, [...data]]).toEqual([
    [2, 3],
    [24, 8, 25, 0, 0, 0],
  ]);
});

test("a single vector counts as one", async () => {
  const { data, shape } = await similarityMatrix(Float32Array.of(3, 4), b);
  expect(shape).toEqual([1, 3]);
  expect(data[0]).toBeCloseTo(0.96, 6); // 24 / 25
});

test("pairs", async () => {
  const { data, shape } = await pairwiseSimilarity(a, b.slice(0, 2), { similarity: "manhattan" });
  expect([shape, [...data]]).toEqual([[2], [-2, -2]]);
});

test("views of one buffer are the same as vectors of their own", async () => {
  const whole = Float32Array.of(3, 4, 0, 0);
  const views = [whole.subarray(0, 2), whole.subarray(2, 4)];
  expect(await similarityMatrix(views, b)).toEqual(await similarityMatrix(a, b));
  expect((await similarityMatrix([views[1]!, views[0]!], b, { similarity: "dot" })).data[3]).toBe(24);
});

test("none at all", async () => {
  expect(await similarityMatrix([], b)).toEqual({ data: new Float32Array(0), shape: [0, 3] });
});

test("other widths and other counts are named", async () => {
  await expect(similarityMatrix(vectors([[1]]), b)).rejects.toThrow(
    "[similarityMatrix] vectors of a have 1 numbers, but those of b 2",
  );
  await expect(similarityMatrix(vectors([[1], [1, 2]]), b)).rejects.toThrow("a[1] has 2 numbers, but a[0] has 1");
  await expect(pairwiseSimilarity(a, b)).rejects.toThrow("a has 2 vectors, but b has 3");
});

test("names of similarities are told from others", () => {
  expect(["dot", "maxsim", null].map(isSimilarityFunctionName)).toEqual([true, false, false]);
});
