import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type BatchSampler,
  type BatchSamplerOptions,
  batchSampler,
  Dataset,
  FileOrder,
  MultiDataset,
  multiDatasetSampler,
  NumpyGenerator,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";

const FILES = fileURLToPath(new URL("../../fixtures/data/files", import.meta.url));
const folder = temporaryFolder();

const numbers = (n: number) => Dataset.fromColumns({ i: Int32Array.from({ length: n }, (_, i) => i) });
const epoch = (sampler: BatchSampler, number = 0) => [...sampler.batches(number)].map((batch) => [...batch]);
const sorted = (rows: number[]) => [...rows].sort((a, b) => a - b);
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

describe("batch_sampler", () => {
  const sampler = (options: Partial<BatchSamplerOptions> = {}) =>
    batchSampler({ dataset: numbers(10), batchSize: 4, ...options });

  test("has every row once, the rest at the end unless it is dropped", () => {
    const batches = epoch(sampler());
    expect(batches.map((batch) => batch.length)).toEqual([4, 4, 2]);
    expect(sorted(batches.flat())).toEqual(range(10));
    expect(epoch(sampler({ dropLast: true }))).toEqual(batches.slice(0, 2));
    expect([sampler().batchesPerEpoch, sampler({ dropLast: true }).batchesPerEpoch]).toEqual([3, 2]);
  });

  test("is the same for the same seed and epoch, and another for others", () => {
    expect(epoch(sampler({ seed: 7 }), 3)).toEqual(epoch(sampler({ seed: 7 }), 3));
    expect(epoch(sampler({ seed: 7 }), 3)).toEqual(epoch(sampler({ seed: 8 }), 2)); // seed + epoch
    expect(epoch(sampler({ seed: 7 }), 3)).not.toEqual(epoch(sampler({ seed: 7 }), 4));
  });

  test("gives the recipe's order, or that of the rows", () => {
    const order = new NumpyGenerator(21 + 2, "PCG64DXSM").permutation(10);
    expect(epoch(sampler({ seed: 21, generator: "PCG64DXSM" }), 2).flat()).toEqual([...order]);
    expect(epoch(sampler({ shuffle: false })).flat()).toEqual(range(10));
  });

  test("makes batches as they are asked for", () => {
    const first = batchSampler({ dataset: numbers(1_000_000), batchSize: 2 })
      .batches(0)
      [Symbol.iterator]()
      .next();
    expect(first.value).toHaveLength(2);
  });

  test.each([0, 1.5, -1])("batchSize %d is refused", (batchSize) => {
    expect(() => sampler({ batchSize })).toThrow(`[batchSampler] batchSize is ${batchSize}`);
    expect(() => sampler({ kind: "nodup" as never })).toThrow('kind is "nodup"');
  });
});

/** The rule as it is written, going over all rows that are left for every batch. */
function byTheRule(rows: readonly Record<string, unknown>[], batchSize: number, order: Int32Array): number[][] {
  let left = [...order];
  const batches: number[][] = [];
  while (left.length > 0) {
    const [batch, values] = [[] as number[], new Set<string>()];
    left = left.filter((row) => {
      const own = Object.values(rows[row]!).map(String);
      if (batch.length === batchSize || own.some((value) => values.has(value))) return true;
      batch.push(row);
      for (const value of own) values.add(value);
      return false;
    });
    batches.push(batch);
  }
  return batches;
}

describe("no_duplicates", () => {
  const pairs = (n: number, values: number, seed: number) => {
    const generator = new NumpyGenerator(seed);
    const value = () => `v${generator.integers(values)}`;
    return Array.from({ length: n }, () => ({ anchor: value(), positive: value() }));
  };

  test.each([
    [200, 1000, 8],
    [200, 40, 8],
    [150, 6, 4],
    [60, 2, 4],
    [50, 1, 8],
    [300, 30, 1],
    [100, 12, 32],
  ])("%d rows of %d values in batches of %d are those of the rule", (n, values, batchSize) => {
    for (const seed of [1, 2, 3]) {
      const rows = pairs(n, values, seed);
      const sampler = batchSampler({ dataset: Dataset.fromRows(rows), batchSize, kind: "no_duplicates", seed });
      const order = new NumpyGenerator(seed + 1).permutation(n);
      expect(epoch(sampler, 1)).toEqual(byTheRule(rows, batchSize, order));
      const full = byTheRule(rows, batchSize, order).filter((batch) => batch.length === batchSize);
      const dropping = batchSampler({
        dataset: Dataset.fromRows(rows),
        batchSize,
        kind: "no_duplicates_hashed",
        seed,
        dropLast: true,
      });
      expect(epoch(dropping, 1)).toEqual(full);
    }
  });

  test("compares texts exactly, numbers and lists as texts, and no labels", () => {
    const dataset = Dataset.fromRows<Record<string, unknown>>([
      { a: "x", b: "1", label: 1, dataset_name: "d" },
      { a: "X", b: "x ", label: 1, dataset_name: "d" },
      { a: "y", b: 1, label: 1, dataset_name: "d" }, // 1 is "1"
      { a: "z", b: "w", label: 1, dataset_name: "d" },
    ]);
    const batches = epoch(batchSampler({ dataset, batchSize: 4, kind: "no_duplicates" }));
    expect(batches.map((batch) => batch.length)).toEqual([3, 1]);
    expect(batches[0]!.includes(0)).not.toBe(batches[0]!.includes(2));
  });

  test("takes time in proportion to the rows, also when nearly all of them wait", () => {
    // 40,000 rows of which any two have a value in common: as many batches, each of one row
    const same = batchSampler({
      dataset: Dataset.fromRows(Array.from({ length: 40_000 }, (_, i) => ({ query: "same", text: `t${i}` }))),
      batchSize: 64,
      kind: "no_duplicates",
    });
    const begin = performance.now();
    expect(epoch(same)).toHaveLength(40_000);
    expect(performance.now() - begin).toBeLessThan(15_000); // 800 million comparisons would take longer
  });

  test("of two hot values in turn has the rule's batches too", () => {
    const hot = Array.from({ length: 400 }, (_, i) => ({
      a: i % 3 ? "v" : `a${i}`,
      b: i % 3 === 1 ? `b${i}` : "w",
      c: `c${i % 50}`,
    }));
    const sampler = batchSampler({ dataset: Dataset.fromRows(hot), batchSize: 4, kind: "no_duplicates", seed: 5 });
    expect(epoch(sampler)).toEqual(byTheRule(hot, 4, new NumpyGenerator(5).permutation(400)));
  });
});

describe("group_by_label", () => {
  const labelled = (counts: readonly number[]) =>
    Dataset.fromRows(
      counts.flatMap((count, label) => Array.from({ length: count }, (_, i) => ({ text: `${label} ${i}`, label }))),
    );
  const sampler = (counts: readonly number[], options: Partial<BatchSamplerOptions> = {}) =>
    batchSampler({ dataset: labelled(counts), batchSize: 8, kind: "group_by_label", ...options });

  test.each([[[10, 10, 10]], [[40, 7, 5, 1, 3]], [[2, 2]], [[3, 100, 6]], [[12, 0, 9, 9, 2, 30]]])(
    "%j: every batch has at least two labels with two rows each, as many batches as it says",
    (counts) => {
      const dataset = labelled(counts);
      const labels = [...dataset.column("label")];
      for (const dropLast of [false, true]) {
        const each = sampler(counts, { dropLast });
        const batches = epoch(each, 2);
        expect(batches).toHaveLength(each.batchesPerEpoch);
        expect(new Set(batches.flat()).size).toBe(batches.flat().length);
        for (const batch of batches) {
          expect(batch.length === 8 || (!dropLast && batch.length >= 4 && batch.length % 2 === 0)).toBe(true);
          const perLabel = new Map<number, number>();
          for (const row of batch) perLabel.set(labels[row]!, (perLabel.get(labels[row]!) ?? 0) + 1);
          expect(perLabel.size).toBeGreaterThanOrEqual(2);
          for (const count of perLabel.values()) expect(count % 2).toBe(0);
        }
      }
    },
  );

  test("takes two rows of each label in every round, and stops when one label is left", () => {
    // pairs per label 5, 2, 2: rounds of 3 labels twice, then only the first has any: 12 rows
    const batches = epoch(sampler([10, 4, 5], { batchSize: 6 }));
    expect(batches.map((batch) => batch.length)).toEqual([6, 6]);
    expect(sampler([10, 4, 5], { batchSize: 6 }).batchesPerEpoch).toBe(2);
  });

  test("refuses odd or small batches, too few labels and rows without one", () => {
    expect(() => sampler([4, 4], { batchSize: 5 })).toThrow(
      "batchSize is 5. With group_by_label it is even and at least 4.",
    );
    expect(() => sampler([4, 4], { batchSize: 2 })).toThrow("batchSize is 2");
    expect(() => sampler([4, 1])).toThrow("1 labels have two rows or more");
    const unlabelled = Dataset.fromRows<Record<string, unknown>>([{ label: 1 }, { label: null }]);
    expect(() => batchSampler({ dataset: unlabelled, batchSize: 4, kind: "group_by_label" })).toThrow(
      'the label "label" is null in row 2',
    );
    expect(() => batchSampler({ dataset: numbers(4), batchSize: 4, kind: "group_by_label" })).toThrow(
      "none of the columns is called label, labels, score, scores",
    );
  });
});

describe("several datasets", () => {
  const datasets = new MultiDataset({ a: numbers(10), b: numbers(4), c: numbers(3) });
  const samplers = datasets.datasets.map((dataset) => batchSampler({ dataset, batchSize: 2 }));
  const from = (batch: readonly number[]) => [...new Set(batch.map((row) => datasets.locate(row).name))].join("");

  test("proportional: every row once, each batch from one, in random order", () => {
    const sampler = multiDatasetSampler({ datasets, samplers });
    const batches = epoch(sampler);
    expect(sorted(batches.flat())).toEqual(range(17));
    expect(batches.map(from).sort().join("")).toBe("aaaaabbcc");
    expect(sampler.batchesPerEpoch).toBe(9);
    expect(epoch(sampler, 1).map(from)).not.toEqual(batches.map(from));
  });

  test("round_robin: one of each in turn, until one has no more", () => {
    const sampler = multiDatasetSampler({ datasets, samplers, kind: "round_robin" });
    expect(epoch(sampler).map(from).join("")).toBe("abcabca"); // b has two batches: its third turn ends the epoch
    expect(sampler.batchesPerEpoch).toBe(6);
  });

  test("rows say where they come from", () => {
    expect(datasets.rows([0, 10, 16])).toEqual([{ i: 0 }, { i: 0 }, { i: 2 }]);
    expect(datasets.place(14)).toBe("c: row 1");
    expect(() => datasets.at(17)).toThrow("row 17 of 17");
    expect(() => multiDatasetSampler({ datasets, samplers: [] })).toThrow("there are 0 samplers for 3 datasets");
  });
});

describe("an order from a file", () => {
  const write = (name: string, content: string) => {
    const file = join(folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, content);
    return file;
  };

  test("is batches on lines, a list, or an array of NumPy's", async () => {
    expect(epoch(await FileOrder.open(write("a.jsonl", "[3, 1]\n[2]\n\n[0, 4, 5]\n")))).toEqual([
      [3, 1],
      [2],
      [0, 4, 5],
    ]);
    const cut = { batchSize: 2 };
    expect(epoch(await FileOrder.open(write("b.jsonl", "3\n1\n2\n"), cut))).toEqual([[3, 1], [2]]);
    expect(epoch(await FileOrder.open(write("c.json", "[3,\n1,\n2]"), { ...cut, dropLast: true }))).toEqual([[3, 1]]);
    expect(epoch(await FileOrder.open(join(FILES, "flat.npy"), cut))).toEqual([[4, 0], [3, 1], [2]]);
    const batches = await FileOrder.open(join(FILES, "batches.npy"));
    expect(epoch(batches)).toEqual([
      [4, 0],
      [3, 1],
    ]);
    expect([epoch(batches, 5), batches.batchesPerEpoch]).toEqual([epoch(batches), 2]);
  });

  test.each([
    ["d.jsonl", "[1]\n[2, x]\n", {}, "d.jsonl, line 2 is not JSON"],
    ["e.jsonl", '[1]\n{"a": 1}\n', {}, "e.jsonl, line 2 is no list of row numbers"],
    ["f.jsonl", "[1]\n[1.5]\n", {}, "f.jsonl, line 2 is no list of row numbers"],
    ["g.jsonl", "[1]\n[7]\n", { rows: 7 }, "g.jsonl has row 7 at place 1, but there are 7 rows"],
    ["h.jsonl", "1\n2\n", {}, "h.jsonl is one list and batchSize is undefined"],
    ["i.npy", "no array", {}, "i.npy is no .npy file"],
  ])("%s that cannot be used is an error", async (name, content, options, message) => {
    await expect(FileOrder.open(write(name, content), options)).rejects.toThrow(`[FileOrder.open] ${message}`);
  });
});
