import { readFileSync } from "node:fs";
import { drawSubset, ModernBertModel, noGrad, type Tensor, tensorScope } from "@ettin/core";
import {
  AdaptiveLayerLoss,
  CachedMultipleNegativesRankingLoss,
  Matryoshka2dLoss,
  MatryoshkaLoss,
  MultipleNegativesRankingLoss,
} from "@ettin/dense";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectClose } from "../../support/check-op.ts";
import { near } from "./embeddings.ts";
import { columnsOf, draw, run, someColumns, TinyEncoder } from "./tiny-encoder.ts";

const fixtures = new URL("../../fixtures/", import.meta.url);
const { texts, cases } = JSON.parse(readFileSync(new URL("dense/losses.json", fixtures), "utf8")) as {
  texts: number[][][];
  cases: Record<string, { loss: number; norm: number }>;
};

describe("a saved model", () => {
  let model: TinyEncoder;
  beforeAll(async () => {
    model = new TinyEncoder(await ModernBertModel.fromPretrained(new URL("models/modernbert-mlm", fixtures).pathname));
  });
  afterAll(() => model.dispose());
  const ranking = () => new MultipleNegativesRankingLoss(model);
  const losses = {
    "model mnrl": ranking,
    "model adaptive layer": () => new AdaptiveLayerLoss(model, ranking(), { nLayersPerStep: -1 }),
    "model adaptive layer linear": () =>
      new AdaptiveLayerLoss(model, ranking(), {
        nLayersPerStep: -1,
        layerWeighting: "linear",
        lastLayerWeight: 2,
        priorLayersWeight: 0.5,
        klDivWeight: 3,
        klTemperature: 0.7,
      }),
    "model matryoshka 2d": () =>
      new Matryoshka2dLoss(model, ranking(), { matryoshkaDims: [16, 8, 4], nLayersPerStep: -1, nDimsPerStep: -1 }),
  } as const;

  test.each(Object.keys(losses) as (keyof typeof losses)[])(
    "has the reference's loss and gradient: %s",
    async (name) => {
      const { value, gradients } = await run(losses[name](), columnsOf(texts), {}, model);
      const norm = Math.sqrt(gradients.reduce((sum, of) => of.reduce((total, x) => total + x * x, sum), 0));
      expect(near(value, cases[name]!.loss)).toBeLessThan(1e-5);
      expect(near(norm, cases[name]!.norm)).toBeLessThan(1e-5);
    },
  );
});

describe("what is drawn", () => {
  const pass = (step: number, firstSequence = 0) => ({ dropout: { seed: 7, step, firstSequence } });
  const draws = Array.from({ length: 200 }, (_, step) => drawSubset("layers", 6, 2, pass(step)));

  test("is the same for the same seed, step and batch, and without a pass always the same", () => {
    expect(drawSubset("layers", 6, 2, pass(13))).toEqual(draws[13]);
    expect(drawSubset("layers", 6, 2)).toEqual(drawSubset("layers", 6, 2));
  });
  test("differs from step to step, from batch to batch, and between layers and dimensions", () => {
    expect(new Set(draws.map(String)).size).toBe(15); // of 6, 2 at a time: all of them occur in 200 steps
    const others = draws.map((_, step) => drawSubset("layers", 6, 2, pass(step, 64)));
    const dimensions = draws.map((_, step) => drawSubset("dimensions", 6, 2, pass(step)));
    for (const other of [others, dimensions]) expect(other).not.toEqual(draws);
  });
  test("has ascending numbers, each once, all of them equally often", () => {
    const counts = new Array<number>(6).fill(0);
    for (const drawn of draws) {
      expect(drawn).toHaveLength(2);
      expect(drawn[0]!).toBeLessThan(drawn[1]!);
      for (const i of drawn) counts[i]!++;
    }
    for (const count of counts) expect(Math.abs(count - 400 / 6)).toBeLessThan(5 * Math.sqrt(400 / 6));
  });
  test("is everything where the number is not below theirs, or not above 0", () => {
    for (const count of [-1, 0, 3, 9]) expect(drawSubset("layers", 3, count, pass(1))).toEqual([0, 1, 2]);
  });
});

describe("modifiers", () => {
  let model: TinyEncoder;
  beforeAll(() => {
    model = new TinyEncoder();
  });
  afterAll(() => model.dispose());
  const batch = someColumns(2, 7);

  test("a Matryoshka step takes the drawn dimensions", async () => {
    const inner = new MultipleNegativesRankingLoss(model);
    const some = new MatryoshkaLoss(model, inner, { matryoshkaDims: [4, 16, 8], nDimsPerStep: 2 });
    expect(some.matryoshkaDims).toEqual([16, 8, 4]); // the largest first
    const values = new Set<number>();
    for (let step = 0; step < 8; step++) {
      const pass = { dropout: { seed: 1, step } };
      const drawn = drawSubset("dimensions", 3, 2, pass).map((i) => some.matryoshkaDims[i]!);
      const only = new MatryoshkaLoss(model, inner, { matryoshkaDims: drawn });
      const read = (loss: MatryoshkaLoss) =>
        tensorScope(() => ({ item: noGrad(() => loss.forward(batch, pass) as Tensor).item() })).item;
      const value = await read(some);
      expect(value).toBe(await read(only));
      values.add(value);
    }
    expect(values.size).toBe(3); // {16, 8}, {16, 4}, {8, 4}
  });

  test("adaptive layers around a cached loss are encoded in pieces, with the same gradients", async () => {
    const plain = new AdaptiveLayerLoss(model, new MultipleNegativesRankingLoss(model), { nLayersPerStep: 2 });
    const cached = new AdaptiveLayerLoss(model, new CachedMultipleNegativesRankingLoss(model, { miniBatchSize: 3 }), {
      nLayersPerStep: 2,
    });
    const expected = await run(plain, batch, { dropout: draw }, model);
    model.calls.length = 0;
    const measured = await run(cached, batch, { dropout: draw }, model);
    expect(Math.max(...model.calls)).toBe(3);
    expect(near(measured.value, expected.value)).toBeLessThan(1e-6);
    const largest = Math.max(...expected.gradients.flatMap((gradient) => [...gradient].map(Math.abs)));
    for (const [i, gradient] of expected.gradients.entries()) {
      expectClose(measured.gradients[i]!, gradient, 1e-6, `gradient of parameter ${i}`, largest);
    }
  });
});
