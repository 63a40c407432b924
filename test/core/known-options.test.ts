import { checkOptions, createIndex, Dataset, mineHardNegatives, paraphraseMining, semanticSearch } from "@ettin/core";
import { describe, expect, test } from "vitest";

const known = { scale: true, similarityFct: true } as const;

describe("an option that there is not", () => {
  test.each<[object, string]>([
    [{ scal: 1 }, "[Here] there is no option scal. The nearest is scale."],
    [{ similarity_fct: 1 }, "[Here] there is no option similarity_fct. The nearest is similarityFct."],
    [{ colour: 1 }, "[Here] there is no option colour. Options are scale, similarityFct."],
    [{ scale: 1, temperature: 1 }, "[Here] there is no option temperature. Use 1 / scale."],
    [[1], "[Here] the options are a list. Pass an object: { name: value }."],
    [20 as never, "[Here] the options are 20."],
  ])("%j", (given, message) => {
    expect(() => checkOptions("Here", given, known, { temperature: "Use 1 / scale." })).toThrow(message);
  });

  test("and those that there are, or none", () => {
    expect(checkOptions("Here", { scale: 1 }, known)).toEqual({ scale: 1 });
    expect(checkOptions("Here", {}, known)).toEqual({});
  });

  test("is one of indexes, searches and mining, too", async () => {
    await expect(createIndex({ dim: 2, metrik: "dot" } as never)).rejects.toThrow("The nearest is metric.");
    await expect(createIndex({ dimension: 2 } as never)).rejects.toThrow("there is no option dimension. Use dim.");
    const index = await createIndex({ dim: 2 });
    await expect(index.search([1, 0], { topK: 5 } as never)).rejects.toThrow("there is no option topK. Use k.");
    const rows = [Float32Array.of(1, 0)];
    await expect(semanticSearch(rows, rows, { k: 5 } as never)).rejects.toThrow("there is no option k. Use topK.");
    const seen: object[] = [];
    const encode = async (_: readonly string[], options: object = {}) => {
      seen.push(options);
      return rows;
    };
    await paraphraseMining({ encode }, ["a"], { truncateDim: 2, topK: 1 });
    expect(seen).toEqual([{ truncateDim: 2 }]);
    await expect(
      mineHardNegatives({ dataset: [{ a: "x", b: "y" }] as never, model: { encode } as never }),
    ).rejects.toThrow("[mineHardNegatives] dataset is a list of 1. Make a dataset of it: Dataset.fromRows(rows).");
    const dataset = Dataset.fromRows([{ a: "x", b: "y" }]);
    await expect(mineHardNegatives({ dataset, numNegative: 1 } as never)).rejects.toThrow(
      "The nearest is numNegatives.",
    );
  });
});
