import { averageRanks, binaryMetrics, duplicateMetrics, packVectors, pairScores, pearson, spearman } from "@ettin/core";
import { describe, expect, test } from "vitest";

describe("correlation", () => {
  test("ranks of equal values are their mean", () => {
    expect([...averageRanks([3, 1, 3, 2, 3])]).toEqual([4, 1, 4, 2, 4]);
  });

  test("is 1 for what rises together, and Spearman's sees the order alone", () => {
    expect(pearson([1, 2, 3], [2, 4, 6])).toBeCloseTo(1, 12);
    expect(spearman([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(1, 12);
    expect(spearman([1, 2, 3, 4], [4, 3, 2, 1])).toBeCloseTo(-1, 12);
    // scipy: pearsonr([1, 2, 3, 4], [1, 10, 100, 1000]), spearmanr([1, 2, 2, 3], [4, 1, 3, 3])
    expect(pearson([1, 2, 3, 4], [1, 10, 100, 1000])).toBeCloseTo(0.8241407166206991, 12);
    expect(spearman([1, 2, 2, 3], [4, 1, 3, 3])).toBeCloseTo(-0.5, 12);
  });

  test("of a constant there is none", () => {
    expect(pearson([1, 1, 1], [0.1, 0.2, 0.3])).toBeNaN();
    // scipy: spearmanr([1, 2, 3], [nan, 2, 1])
    expect(spearman([1, 2, 3], [Number.NaN, 2, 1])).toBeNaN();
    expect(spearman([Number.NaN, 2, 1], [1, 2, 3])).toBeNaN();
    expect(() => spearman([1], [1])).toThrow("there are 1 and 1 values");
  });
});

describe("two classes", () => {
  test("thresholds lie between scores, and never behind the last", () => {
    // 0.9 + 0.8 − 0.4 + 0.2 −: the best accuracy after two, 4 of 5; the best F1 after four: p 3/4, r 1.
    const found = binaryMetrics([0.2, 0.9, 0.4, 0.8, 0.1], [1, 1, 0, 1, 0]);
    expect(found.accuracy).toBeCloseTo(4 / 5, 12);
    expect(found.accuracy_threshold).toBeCloseTo(0.6, 6);
    expect(found).toMatchObject({ precision: 3 / 4, recall: 1 });
    expect(found.f1).toBeCloseTo(6 / 7, 12);
    expect(found.f1_threshold).toBeCloseTo(0.15, 6);
    expect(found.ap).toBeCloseTo((1 + 1 + 3 / 4) / 3, 12);
    // Above 0.15: 3 of 3 positives, 1 of 2 negatives.
    expect(found.mcc).toBeCloseTo((3 * 1 - 1 * 0) / Math.sqrt(4 * 3 * 2 * 1), 12);
  });

  test("a distance speaks for 1 where it is small", () => {
    const scores = [0.2, 0.9, 0.4, 0.8, 0.1];
    const { accuracy_threshold: a, f1_threshold: f, ...near } = binaryMetrics(scores, [1, 1, 0, 1, 0]);
    const far = binaryMetrics(
      scores.map((score) => -score),
      [1, 1, 0, 1, 0],
      { greaterIsBetter: false },
    );
    expect(far).toMatchObject(near);
    expect([far.accuracy_threshold, far.f1_threshold]).toEqual([-a, -f]);
  });

  test("one class alone is an error", () => {
    expect(() => binaryMetrics([1, 2, 3], [1, 1, 1])).toThrow("of 3 labels 0 are 0 and 3 are 1");
    expect(() => binaryMetrics([1, 2], [1, 0.5])).toThrow("label 1 is 0.5");
  });
});

test("duplicates are measured over all numbers of pairs", () => {
  // Pairs 0, 1 and 3 are duplicates, of 4 in all.
  const found = duplicateMetrics([0.9, 0.8, 0.7, 0.6, 0.5], (pair) => [0, 1, 3].includes(pair), 4);
  expect(found.average_precision).toBeCloseTo((1 + 1 + 3 / 4) / 4, 12);
  expect(found).toMatchObject({ precision: 3 / 4, recall: 3 / 4, f1: 3 / 4 });
  expect(found.threshold).toBeCloseTo(0.55, 12);
  expect(duplicateMetrics([], () => false, 0)).toEqual({
    average_precision: 0,
    f1: 0,
    precision: 0,
    recall: 0,
    threshold: 0,
  });
});

test("similarities of pairs", async () => {
  const a = packVectors("test", [Float32Array.of(1, 0), Float32Array.of(3, 4)]);
  const b = packVectors("test", [Float32Array.of(0, 2), Float32Array.of(3, 4)]);
  expect([...(await pairScores("cosine", a, b))]).toEqual([0, 1]);
  expect([...(await pairScores("dot", a, b))]).toEqual([0, 25]);
  expect([...(await pairScores("manhattan", a, b))]).toEqual([-3, -0]);
});

test("rows that lie one after the other are not copied", () => {
  const whole = Float32Array.from({ length: 6 }, (_, i) => i);
  const rows = [whole.subarray(2, 4), whole.subarray(4, 6)];
  const packed = packVectors("test", rows);
  expect(packed).toMatchObject({ rows: 2, dim: 2 });
  expect(packed.data.buffer).toBe(whole.buffer);
  expect([...packed.data]).toEqual([2, 3, 4, 5]);
  expect([...packVectors("test", [rows[1]!, rows[0]!]).data]).toEqual([4, 5, 2, 3]);
  expect(() => packVectors("Here", [whole, rows[0]!])).toThrow("[Here] row 1 has 2 numbers, but row 0 has 6.");
});
