/** A model's copy, and the losses that train one beside the model. */
import { join } from "node:path";
import { Dataset } from "@ettin/core";
import {
  ContrastiveTensionLoss,
  ContrastiveTensionLossInBatchNegatives,
  contrastiveTensionPairs,
  SentenceTransformerTrainer,
} from "@ettin/dense";
import { describe, expect, test } from "vitest";
import { DENSE, disposed, expectRows, facts, openModel } from "../../support/dense-fixture.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { newModel, newTrainer, PAIRS, weightsOf } from "../trainer/tiny.ts";

const TEXTS = PAIRS.flat();

test.each(["model", "static"])(
  "a copy of %s makes the same embeddings, and goes on when the model is gone",
  async (name) => {
    const model = await openModel(join(DENSE, name));
    const copy = disposed(model.copy());
    const expected = await model.encode(facts.texts);
    expect(copy.entries().map((entry) => entry.name)).toEqual(model.entries().map((entry) => entry.name));
    expect(copy.maxSeqLength).toBe(model.maxSeqLength);
    expectRows(
      await copy.encode(facts.texts),
      expected.map((row) => [...row]),
      1e-9,
    );
  },
);

test("training a copy leaves the model, and a frozen parameter stays frozen in it", async () => {
  const model = await newModel();
  const [first] = model.entries();
  first!.tensor.requiresGrad = false;
  const copy = disposed(model.copy());
  first!.tensor.requiresGrad = true;
  expect(copy.entries()[0]!.tensor.requiresGrad).toBe(false);
  const before = await weightsOf(model);
  expect(await weightsOf(copy)).toEqual(before);
  const trainDataset = Dataset.fromRows(PAIRS.map(([a, b], i) => ({ a, b, score: i / 8 })));
  await newTrainer({ maxSteps: 1 }, { model: copy, trainDataset }).train();
  expect(await weightsOf(model)).toEqual(before);
  expect(await weightsOf(copy)).not.toEqual(before);
});

test("contrastive tension makes its copy of the model, trains both, and frees its own", async () => {
  const trainDataset = contrastiveTensionPairs(TEXTS, { posNegRatio: 2 });
  for (const [Loss, rows] of [
    [ContrastiveTensionLoss, trainDataset],
    [ContrastiveTensionLossInBatchNegatives, trainDataset.selectColumns(["text1"])],
  ] as const) {
    const model = await newModel();
    const before = await weightsOf(model);
    const loss = disposed(new Loss(model));
    expect(loss.copy).not.toBe(model);
    const values: number[] = [];
    const args = {
      maxSteps: 30,
      learningRate: 1e-3,
      outputDir: temporaryFolder(),
      saveStrategy: "no",
      report: [],
    } as const;
    const trainer = new SentenceTransformerTrainer({ model, loss, trainDataset: rows, args });
    for await (const step of trainer.steps()) values.push(step.loss);
    const mean = (some: readonly number[]) => some.reduce((sum, value) => sum + value, 0) / some.length;
    expect(mean(values.slice(-5))).toBeLessThan(mean(values.slice(0, 5)));
    expect(await weightsOf(model)).not.toEqual(before);
    const [key] = loss.namedParameters.keys();
    expect(key).toMatch(/^model1\./);
  }
});

describe("pairs of contrastive tension", () => {
  const texts = Array.from({ length: 60 }, (_, i) => `text ${i}`);

  test("are 1 of equal texts to 7 of two, and no text is in two pairs", () => {
    const pairs = [...contrastiveTensionPairs(texts)];
    expect(pairs).toHaveLength(32); // 4 times 1 + 7 · 2 texts are 60
    expect(pairs.map(({ label }) => label)).toEqual(Array.from({ length: 32 }, (_, i) => Number(i % 8 === 0)));
    for (const { text1, text2, label } of pairs) expect(text1 === text2).toBe(label === 1);
    const used = pairs.flatMap(({ text1, text2, label }) => (label === 1 ? [text1] : [text1, text2]));
    expect(new Set(used).size).toBe(used.length);
    expect(used.length).toBe(60);
  });

  test("go by the seed", () => {
    const first = (seed?: number) => contrastiveTensionPairs(texts, seed === undefined ? {} : { seed }).at(0).text1;
    expect(first(42)).toBe(first());
    expect([1, 2, 3].some((seed) => first(seed) !== first())).toBe(true);
  });

  test.each<[unknown, object, string]>([
    [texts, { posNegRatio: 0 }, "posNegRatio is 0. Use a whole number from 1 on."],
    [texts, { ratio: 8 }, "there is no option ratio"],
    [["one"], {}, "there are 1 texts. Give a list of two or more."],
    [undefined, {}, "there are no texts"],
  ])("%s with %j", (given, options, message) => {
    expect(() => contrastiveTensionPairs(given as string[], options)).toThrow(message);
  });
});
