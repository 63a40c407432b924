import {
  batchAllTriplets,
  batchHardTriplets,
  batchSemiHardTriplets,
  contrastive,
  contrastiveTension,
  cosent,
  distillKl,
  globalOrthogonality,
  guidedNegatives,
  inBatchNegatives,
  marginMse,
  megaBatchMargins,
  multipleNegatives,
  onlineContrastive,
  rankingLosses,
  resolveGuided,
  resolveRanking,
  Tensor,
  tripletMargin,
} from "@ettin/core";
import { describe, expect, test } from "vitest";

const item = (x: Tensor) => x.item();
const equalScores = (s: number, rows: number, columns: number) => Tensor.full([rows, columns], s);

describe("in-batch negatives", () => {
  test.each([0, 1e4])("equal scores of %d cost log(documents)", async (s) => {
    expect(await item(inBatchNegatives(equalScores(s, 2, 3)))).toBeCloseTo(Math.log(3), 6);
  });
  test("a shift of all scores changes nothing", async () => {
    const scores = Tensor.from([
      [1, 2, 0],
      [0.5, -1, 3],
    ]);
    const expected = await item(inBatchNegatives(scores));
    expect(await item(inBatchNegatives(scores.add(1000)))).toBeCloseTo(expected, 4);
  });
  test("fewer documents than queries are refused with both numbers", () => {
    expect(() => inBatchNegatives(equalScores(0, 3, 2))).toThrow("[inBatchNegatives] 3 queries but 2 documents");
  });
});

describe("ranking in all directions", () => {
  const same = (options: Parameters<typeof resolveRanking>[1]) =>
    rankingLosses(
      {
        queryToDoc: equalScores(0.3, 4, 8),
        queryToQuery: equalScores(0.3, 4, 4),
        docToQuery: equalScores(0.3, 4, 4),
        docToDoc: equalScores(0.3, 4, 8),
      },
      resolveRanking("test", options),
      4,
    ).data();
  test("equal similarities cost the logarithm of what takes part", async () => {
    // 8 documents, 3 other queries, 4 queries, and 6 documents of other rows
    for (const loss of await same({})) expect(loss).toBeCloseTo(Math.log(8 + 3 + 4 + 6), 5);
  });
  test("a batch of one row without negatives costs nothing, and is finite", async () => {
    const columns = [Tensor.from([[1, 2]]), Tensor.from([[2, 1]])];
    const directions = ["queryToDoc", "queryToQuery", "docToDoc"] as const;
    const loss = multipleNegatives(columns, (a, b) => a.matmul(b.transpose()), resolveRanking("test", { directions }));
    expect(await item(loss)).toBe(0);
  });
});

test("equal labels have no order to learn: CoSENT is 0", async () => {
  const scores = Tensor.from([3, -2, 9]);
  expect(await item(cosent(scores, Tensor.from([0.5, 0.5, 0.5])))).toBe(0);
  // one pair out of order: log(1 + e^(3 − 1))
  expect(await item(cosent(Tensor.from([3, 1]), Tensor.from([0, 1])))).toBeCloseTo(Math.log1p(Math.exp(2)), 6);
});

test("contrastive pairs by hand", async () => {
  const distances = Tensor.from([0.2, 0.1, 0.9]);
  // similar 0.2: 0.04; others 0.1 and 0.9 with margin 0.5: 0.16 and 0; half their mean
  expect(await item(contrastive(distances, Tensor.from([1, 0, 0]), 0.5))).toBeCloseTo((0.04 + 0.16) / 3 / 2, 6);
});

test("hard pairs by hand", async () => {
  const loss = (distances: number[], similar: boolean[]) =>
    item(onlineContrastive(Tensor.from(distances), similar, 0.5));
  // 0.3 is nearer than the farthest similar pair (0.4), 0.4 farther than the nearest other (0.3): 0.2² + 0.4²
  expect(await loss([0.1, 0.4, 0.3, 0.9], [true, true, false, false])).toBeCloseTo(0.04 + 0.16, 6);
  // one similar pair: others count below their own mean, 0.6, and 0.2 is nearer than all of them
  expect(await loss([0.2, 0.3, 0.9], [true, false, false])).toBeCloseTo(0.04, 6);
  // one other: similar pairs count above their own mean, 0.3, and 0.5 is farther than all of them
  expect(await loss([0.2, 0.4, 0.5], [true, true, false])).toBeCloseTo(0.16, 6);
});

describe("losses of what is told apart well are small, and not lost in rounding", () => {
  const near = (value: number, expected: number) => expect(Math.abs(value / expected - 1)).toBeLessThan(1e-5);
  test("guided negatives", async () => {
    const similarities = Tensor.from([
      [0.9, 0.2],
      [0.2, 0.9],
    ]);
    const guide = Tensor.from([
      [0.9, 0],
      [0, 0.9],
    ]);
    const options = resolveGuided("test", { temperature: 0.05 });
    // scores of 18 and 4: log(1 + e^(4 − 18)) = 8.3e-7, where steps of numbers about 18 are 1.9e-6
    for (const loss of await guidedNegatives({ similarities, guide }, [], options).data()) {
      expect(Math.abs(loss - Math.log1p(Math.exp(-14)))).toBeLessThan(6e-8); // a step of numbers about 1
    }
  });
  test("contrastive tension", async () => {
    near(await item(contrastiveTension(Tensor.from([16]), Tensor.from([1]))), Math.log1p(Math.exp(-16)));
    near(await item(contrastiveTension(Tensor.from([-16]), Tensor.from([0]))), Math.log1p(Math.exp(-16)));
    near(await item(contrastiveTension(Tensor.from([2]), Tensor.from([0.25]))), Math.log1p(Math.exp(2)) - 0.5);
  });
  test("orthogonality in one dimension: similarities of ±1 have the second moment 1 exactly", async () => {
    const signs = [1, -1, 1, 1, -1, 1, -1];
    const similarities = Tensor.from(signs.map((a) => signs.map((b) => a * b)));
    expect(await item(globalOrthogonality(similarities, 1).secondMoment)).toBe(0);
  });
});

test("a triplet that is far enough apart costs nothing", async () => {
  const near = Tensor.from([1, 1]);
  expect(await item(tripletMargin(near, Tensor.from([6, 3]), 5))).toBeCloseTo(3 / 2, 6); // 1 − 6 + 5 = 0, 1 − 3 + 5 = 3
});

describe("triplets of a batch by hand", () => {
  // rows 0 and 1 are of class 0, row 2 of class 1
  const distances = () =>
    Tensor.from([
      [0, 1, 2],
      [1, 0, 4],
      [2, 4, 0],
    ]);
  const classes = [0, 0, 1];
  test("all: the mean of the terms above 0", async () => {
    // (0,1,2): 1 − 2 + 2 = 1; (1,0,2): 1 − 4 + 2 < 0
    expect(await item(batchAllTriplets(distances(), classes, 2))).toBeCloseTo(1, 6);
  });
  test("all: no term above 0 costs nothing", async () => {
    expect(await item(batchAllTriplets(distances(), classes, 0.5))).toBe(0);
  });
  test("hard: the farthest positive and the nearest negative of each row", async () => {
    // row 0: 1 − 2 + 2 = 1; row 1: 1 − 4 + 2 < 0; row 2 has no positive: 0 − 2 + 2 = 0
    expect(await item(batchHardTriplets(distances(), classes, 2))).toBeCloseTo(1 / 3, 6);
  });
  test("semi-hard: of both pairs of class 0", async () => {
    expect(await item(batchSemiHardTriplets(distances(), classes, 2))).toBeCloseTo(1 / 2, 6);
  });
  test("one class has no negatives", () => {
    expect(() => batchHardTriplets(distances(), [4, 4, 4], 2)).toThrow("all 3 rows have the label 4");
    const alone = Tensor.from([[0]]);
    expect(() => batchHardTriplets(alone, [4], 2)).toThrow(
      /a batch has one row, so that there are no negatives\. .* dataloaderDropLast: true\./,
    );
    alone.dispose();
  });
  test("large batches are computed in parts, with the same value", async () => {
    const n = 300; // 46 rows of triplets fit into a part
    const values = Float32Array.from({ length: n * n }, (_, k) => {
      const [i, j] = [Math.floor(k / n), k % n];
      return i === j ? 0 : 1 + Math.abs(Math.sin(3 * Math.min(i, j) + 5 * Math.max(i, j)));
    });
    const labels = Array.from({ length: n }, (_, i) => i % 3);
    let [sum, count] = [0, 0];
    for (let i = 0; i < n; i++) {
      for (let j = i % 3; j < n; j += 3) {
        if (j === i) continue;
        for (let k = 0; k < n; k++) {
          const term = k % 3 === i % 3 ? 0 : values[i * n + j]! - values[i * n + k]! + 0.1;
          if (term > 0) [sum, count] = [sum + term, count + 1];
        }
      }
    }
    const leaf = Tensor.from(values, { shape: [n, n], requiresGrad: true });
    const loss = batchAllTriplets(leaf, labels, 0.1);
    expect((await item(loss)) / (sum / count)).toBeCloseTo(1, 4);
    loss.backward();
    expect(leaf.grad!.shape).toEqual([n, n]);
    for (const tensor of [leaf, loss]) tensor.dispose();
  });
});

test("margins may be given as scores: the first less the others", async () => {
  const scores = Tensor.from([[3, 1, 2]]); // margins 2 and 1
  expect(await item(marginMse(scores, Tensor.from([[1, 1]])))).toBeCloseTo(1 / 2, 6); // (1² + 0²) / 2
  expect(await item(marginMse(scores, Tensor.from([[5, 4, 4]])))).toBeCloseTo(1 / 2, 6);
  expect(() => marginMse(scores, Tensor.from([[1, 2, 3, 4]]))).toThrow("labels have shape [1, 4]");
});

test("a student that agrees with its teacher has no divergence", async () => {
  const scores = Tensor.from([
    [1, 2, 3],
    [0, -5, 2],
  ]);
  expect(Math.abs(await item(distillKl(scores, scores.add(7))))).toBeLessThan(1e-6);
  // one candidate is certain: −log of the student's share, here log 2
  const certain = Tensor.from([[0, Number.NEGATIVE_INFINITY]]);
  expect(await item(distillKl(Tensor.from([[1, 1]]), certain))).toBeCloseTo(Math.log(2), 6);
});

test("mega-batch margins by hand", async () => {
  const similarities = Tensor.from([
    [0.5, 0.6],
    [0.1, 0.9],
  ]);
  const losses = await megaBatchMargins(similarities, { positiveMargin: 0.8, negativeMargin: 0.3 }).data();
  expect(losses[0]).toBeCloseTo(0.3 + 0.3, 6); // 0.8 − 0.5, 0.6 − 0.3
  expect(losses[1]).toBe(0);
});

test("a guide leaves out what it finds nearer than the pair, but never the pair", async () => {
  const zeros = () => equalScores(0, 2, 2);
  const guide = Tensor.from([
    [0.5, 0.9],
    [0.1, 0.5],
  ]); // row 0's other document is nearer than its own
  const losses = await guidedNegatives({ similarities: zeros(), guide }, [], resolveGuided("test", {})).data();
  expect(losses[0]).toBe(0); // only its own is left
  expect(losses[1]).toBeCloseTo(Math.log(2), 6);
});

test("vectors at right angles are spread out", async () => {
  const { mean, secondMoment } = globalOrthogonality(
    Tensor.from([
      [1, 0],
      [0, 1],
    ]),
    2,
  );
  expect([await item(mean), await item(secondMoment)]).toEqual([0, 0]);
  const alike = globalOrthogonality(equalScores(1, 3, 3), 4);
  expect([await item(alike.mean), await item(alike.secondMoment)]).toEqual([1, 0.75]); // 1², 1 − 1/4
});
