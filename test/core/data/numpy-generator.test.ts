import { readFileSync } from "node:fs";
import { type BitGenerator, Dataset, NumpyGenerator } from "@ettin/core";
import { describe, expect, test } from "vitest";

interface Fixture {
  shuffles: { n: number; seed: string; rows: number[] }[];
  splits: { n: number; testSize: number; seed?: number; shuffle?: boolean; train: number[]; test: number[] }[];
  loader: { n: number; seed: number; epoch: number; rows: number[] }[];
  large: { bits: BitGenerator; n: number; seed: number; first: number[]; last: number[]; weighted: number }[];
  draws: {
    bits: BitGenerator;
    seed: number | number[];
    random: number[];
    integers?: number[];
    between?: number[];
    again?: number;
    few?: number[];
    all?: number[];
    tail?: number[];
    none?: number[];
  }[];
}
const fixture: Fixture = JSON.parse(
  readFileSync(new URL("../../fixtures/data/permutations.json", import.meta.url), "utf8"),
);
const numbered = (n: number) =>
  Dataset.fromColumns<{ row: number }>({ row: Int32Array.from({ length: n }, (_, i) => i) });
const rowsOf = (dataset: Dataset<{ row: number }>) => [...dataset.column("row")];

describe("the rows that Python picks", () => {
  test.each(fixture.shuffles)("shuffle of $n rows with seed $seed", ({ n, seed, rows }) => {
    expect([...new NumpyGenerator(BigInt(seed)).permutation(n)]).toEqual(rows);
    if (BigInt(seed) > Number.MAX_SAFE_INTEGER) return;
    expect(rowsOf(numbered(n).shuffle({ seed: Number(seed) }))).toEqual(rows);
  });

  test.each(fixture.splits)("trainTestSplit of $n rows, testSize $testSize", ({ n, train, test: held, ...options }) => {
    const parts = numbered(n).trainTestSplit(options);
    expect(rowsOf(parts.test)).toEqual(held);
    expect(rowsOf(parts.train)).toEqual(train);
  });

  test.each(fixture.loader)("the recipe's order of $n samples in epoch $epoch", ({ n, seed, epoch, rows }) => {
    expect([...new NumpyGenerator(seed + epoch, "PCG64DXSM").permutation(n)]).toEqual(rows);
  });

  test.each(fixture.large)("a long permutation by $bits", ({ bits, n, seed, first, last, weighted }) => {
    const rows = new NumpyGenerator(seed, bits).permutation(n);
    expect([...rows.slice(0, 8)]).toEqual(first);
    expect([...rows.slice(-8)]).toEqual(last);
    expect(rows.reduce((sum, row, i) => sum + row * (i % 1000), 0)).toBe(weighted);
  });
});

test.each(fixture.draws)("draws by $bits from seed $seed are NumPy's", ({ bits, seed, random, ...more }) => {
  const generator = new NumpyGenerator(seed, bits);
  expect(random.map(() => generator.random())).toEqual(random);
  if (!more.integers) return;
  const highs = [1, 2, 7, 1000, 50368, 2 ** 31, 2 ** 32 - 1, 2 ** 32];
  expect(highs.map((high) => generator.integers(high))).toEqual(more.integers);
  expect(more.between!.map(() => generator.integers(-5, 6))).toEqual(more.between);
  expect(generator.random()).toBe(more.again);
  expect([...generator.choice(1000, 5)]).toEqual(more.few);
  expect([...generator.choice(6, 6)]).toEqual(more.all);
  expect([...generator.choice(10_001, 300)]).toEqual(more.tail);
  expect([...generator.choice(5, 0)]).toEqual(more.none);
});

test.each([-1, 1.5, Number.NaN, 2 ** 53])("the seed %d is refused", (seed) => {
  expect(() => new NumpyGenerator(seed)).toThrow(`[NumpyGenerator] the seed is ${seed}. Use a whole number from 0 on.`);
});

test("a range or a count that cannot be drawn from is refused with its numbers", () => {
  const generator = new NumpyGenerator(1);
  expect(() => generator.integers(3, 3)).toThrow("the range is [3, 3)");
  expect(() => generator.choice(3, 4)).toThrow("4 of 3 were asked for");
  expect(() => generator.permutation(2 ** 31)).toThrow("the count is 2147483648");
});
