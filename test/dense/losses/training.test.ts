import { AdamW, type Columns, type Loss, type Tensor, tensorScope } from "@ettin/core";
import {
  CachedMultipleNegativesRankingLoss,
  ContrastiveTensionLoss,
  ContrastiveTensionLossInBatchNegatives,
  CoSENTLoss,
  EmbedDistillLoss,
  GISTEmbedLoss,
  SoftmaxLoss,
} from "@ettin/dense";
import { expect, test } from "vitest";
import { floats, ints } from "./embeddings.ts";
import { columnsOf, draw, run, someColumns, TinyEncoder } from "./tiny-encoder.ts";

/** Losses of some steps on one batch. */
async function train(loss: Loss<Columns>, encoder: TinyEncoder, batch: Columns, steps: number): Promise<number[]> {
  const own = [...(loss.namedParameters?.values() ?? [])];
  const optimizer = new AdamW([{ parameters: [...encoder.model.parameters(), ...own] }], { learningRate: 5e-3 });
  const values: Promise<number>[] = [];
  for (let step = 0; step < steps; step++) {
    tensorScope(() => {
      const value = loss.forward(batch) as Tensor;
      values.push(value.item());
      value.backward();
    });
    optimizer.step();
    optimizer.zeroGrad();
  }
  const losses = await Promise.all(values);
  optimizer.dispose();
  return losses;
}

test("eight pairs are memorised", async () => {
  const encoder = new TinyEncoder();
  const losses = await train(
    new CachedMultipleNegativesRankingLoss(encoder, { miniBatchSize: 3 }),
    encoder,
    someColumns(2, 8),
    80,
  );
  expect(losses[0]).toBeGreaterThan(1);
  expect(losses.at(-1)).toBeLessThan(0.05);
  encoder.dispose();
});

test("pairs get the order of their labels", async () => {
  const encoder = new TinyEncoder();
  const labels = floats([0.1, 0.9, 0.4, 0.6, 0.2]);
  const losses = await train(new CoSENTLoss(encoder), encoder, someColumns(2, 5, labels), 80);
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 5);
  encoder.dispose();
});

test("a classifier of the loss's own is trained with the model, and starts from its seed", async () => {
  const encoder = new TinyEncoder();
  const labels = ints([0, 1, 2, 0, 1, 2]);
  const loss = new SoftmaxLoss(encoder, { numLabels: 3 });
  const [again, other] = [3, 4].map((seed) => new SoftmaxLoss(encoder, { numLabels: 3, seed: seed === 3 ? 42 : seed }));
  const weightOf = async (of: SoftmaxLoss) => [...(await of.namedParameters.get("classifier.weight")!.data())];
  const before = await weightOf(loss);
  expect(before).toHaveLength(3 * 3 * 16);
  expect(Math.max(...before.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(48)); // uniform in ±1/√in
  expect(await weightOf(again!)).toEqual(before);
  expect(await weightOf(other!)).not.toEqual(before);
  const losses = await train(loss, encoder, someColumns(2, 6, labels), 60);
  expect(losses[0]).toBeGreaterThan(0.8);
  expect(losses.at(-1)).toBeLessThan(0.1);
  expect(await weightOf(loss)).not.toEqual(before);
  for (const of of [loss, again!, other!, encoder]) of.dispose();
});

test("a projection brings embeddings to the teacher's size", async () => {
  const encoder = new TinyEncoder();
  const loss = new EmbedDistillLoss(encoder, { projectionDim: 5, distanceMetric: "mse" });
  const labels = {
    values: Float32Array.from({ length: 4 * 5 }, (_, i) => Math.sin(i)),
    shape: [4, 5],
  };
  const losses = await train(loss, encoder, someColumns(1, 4, labels), 80);
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 20);
  for (const of of [loss, encoder]) of.dispose();
});

test("contrastive tension trains both copies: equal ids are equal texts", async () => {
  const [encoder, copy] = [new TinyEncoder(), new TinyEncoder()];
  const text = (row: number) => [1 + row, 20 + row, 3];
  const batch = columnsOf([
    [text(0), text(1), text(2), text(3)],
    [text(0), text(3), text(2), text(0)],
  ]);
  const loss = new ContrastiveTensionLoss(encoder, { copy });
  const labelled = await run(loss, { ...batch, labels: ints([1, 0, 1, 0]) }, {}, encoder);
  for (const parameter of copy.model.parameters()) parameter.zeroGrad();
  expect((await run(loss, batch, {}, encoder)).value).toBe(labelled.value);
  for (const parameter of copy.model.parameters()) parameter.zeroGrad();

  expect([...loss.namedParameters.keys()]).toEqual(encoder.entries().map(({ name }) => `model1.${name}`));
  const before = await copy.model.parameters()[0]!.data();
  const losses = await train(loss, encoder, batch, 60);
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 5);
  expect(await copy.model.parameters()[0]!.data()).not.toEqual(before);
  for (const of of [encoder, copy]) of.dispose();
});

test("the copies drop other parts of what they compute", async () => {
  const [encoder, copy] = [new TinyEncoder(), new TinyEncoder()];
  const loss = new ContrastiveTensionLossInBatchNegatives(encoder, { copy });
  const seen: (number | undefined)[] = [];
  for (const of of [encoder, copy]) {
    const forward = of.forward.bind(of);
    of.forward = (batch, options = {}) => {
      seen.push(options.dropout?.seed);
      return forward(batch, options);
    };
  }
  await run(loss, someColumns(1, 4), { dropout: draw }, encoder);
  for (const parameter of copy.model.parameters()) parameter.zeroGrad();
  expect(new Set(seen)).toEqual(new Set([draw.seed, draw.seed + 1]));
  loss.namedParameters.get("logit_scale")!.zeroGrad();
  for (const of of [loss, encoder, copy]) of.dispose();
});

test("a guide with the model's vocabulary reads the same ids, another one the texts", async () => {
  const [encoder, guide] = [new TinyEncoder(), new TinyEncoder()];
  const vocabulary = (first: string) => ({ vocabSize: 2, idToToken: (id: number) => [first, "b"][id] });
  let asked = 0;
  const withTokenizer = (of: TinyEncoder, first: string, maxSeqLength: number) => ({
    tokenizer: vocabulary(first),
    maxSeqLength,
    forward: of.forward.bind(of),
    tokenizeNow: (texts: readonly string[]) => {
      asked += texts.length;
      return of.tokenizeNow(texts);
    },
  });
  const model = withTokenizer(encoder, "a", 64);
  const batch = someColumns(2, 3);
  const tokenized = async (first: string, maxSeqLength: number) => {
    asked = 0;
    await run(new GISTEmbedLoss(model, withTokenizer(guide, first, maxSeqLength)), batch, {}, encoder);
    return asked;
  };
  expect(await tokenized("a", 64)).toBe(0);
  expect(await tokenized("a", 32)).toBe(6); // it would cut texts that the model reads whole
  expect(await tokenized("c", 64)).toBe(6);
  expect(guide.model.parameters().every((parameter) => parameter.grad === null)).toBe(true);
  for (const of of [encoder, guide]) of.dispose();
});
