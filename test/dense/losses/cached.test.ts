import { type LossPass, memoryStats, randn, synchronize, tensorScope } from "@ettin/core";
import {
  CachedGISTEmbedLoss,
  CachedMultipleNegativesRankingLoss,
  CachedMultipleNegativesSymmetricRankingLoss,
  GISTEmbedLoss,
  MatryoshkaLoss,
  MegaBatchMarginLoss,
  MultipleNegativesRankingLoss,
  MultipleNegativesSymmetricRankingLoss,
} from "@ettin/dense";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectClose } from "../../support/check-op.ts";
import { batchOf, noModel } from "./embeddings.ts";
import { draw, run, someColumns, TinyEncoder } from "./tiny-encoder.ts";

let model: TinyEncoder;
let guide: TinyEncoder;
beforeAll(() => {
  model = new TinyEncoder();
  guide = new TinyEncoder();
});
afterAll(() => {
  model.dispose();
  guide.dispose();
});

const batch = someColumns(3, 11);
const pairs = someColumns(2, 11);
const dims = { matryoshkaDims: [16, 8, 4] };
const directions = ["queryToDoc", "queryToQuery", "docToQuery", "docToDoc"] as const;

const twins = {
  "multiple negatives": () => [
    new MultipleNegativesRankingLoss(model),
    new CachedMultipleNegativesRankingLoss(model, { miniBatchSize: 4 }),
  ],
  "multiple negatives in all directions, with hardness": () => [
    new MultipleNegativesRankingLoss(model, { directions, hardnessMode: "allNegatives", hardnessStrength: 3 }),
    new CachedMultipleNegativesRankingLoss(model, {
      directions,
      hardnessMode: "allNegatives",
      hardnessStrength: 3,
      miniBatchSize: 4,
    }),
  ],
  "multiple negatives by tokens": () => [
    new MultipleNegativesRankingLoss(model),
    new CachedMultipleNegativesRankingLoss(model, { miniBatchNumTokens: 30 }),
  ],
  "symmetric multiple negatives": () => [
    new MultipleNegativesSymmetricRankingLoss(model),
    new CachedMultipleNegativesSymmetricRankingLoss(model, { miniBatchSize: 3 }),
  ],
  GIST: () => [new GISTEmbedLoss(model, guide), new CachedGISTEmbedLoss(model, guide, { miniBatchSize: 5 })],
  Matryoshka: () => [
    new MatryoshkaLoss(model, new MultipleNegativesRankingLoss(model), dims),
    new MatryoshkaLoss(model, new CachedMultipleNegativesRankingLoss(model, { miniBatchSize: 4 }), dims),
  ],
  "mega-batch margin": () => [
    new MegaBatchMarginLoss(model, { useMiniBatchedVersion: false }),
    new MegaBatchMarginLoss(model, { miniBatchSize: 4 }),
  ],
} as const;

test.each(Object.keys(twins) as (keyof typeof twins)[])(
  "%s: the cached loss has the plain one's value and gradients, dropout included",
  async (name) => {
    const [plain, cached] = twins[name]();
    const of = name === "mega-batch margin" ? pairs : batch;
    const expected = await run(plain!, of, { dropout: draw }, model);
    const measured = await run(cached!, of, { dropout: draw }, model);
    expect(Math.abs(measured.value / expected.value - 1)).toBeLessThan(1e-6);
    const largest = Math.max(...expected.gradients.flatMap((gradient) => [...gradient].map(Math.abs)));
    for (const [i, gradient] of expected.gradients.entries()) {
      expectClose(measured.gradients[i]!, gradient, 1e-6, `gradient of parameter ${i}`, largest);
    }
  },
);

const piecesOf = async (loss: CachedMultipleNegativesRankingLoss, pass: LossPass = {}): Promise<number[]> => {
  model.calls.length = 0;
  await run(loss, batch, pass, model);
  return [...model.calls];
};

test("pieces have miniBatchSize texts at most, and each is encoded twice", async () => {
  const pieces = await piecesOf(new CachedMultipleNegativesRankingLoss(model, { miniBatchSize: 10 }));
  expect(pieces.slice(0, 4)).toEqual([10, 10, 10, 3]);
  expect(pieces.slice(4)).toEqual([3, 10, 10, 10]); // the gradient runs from the last to the first
});

test("a batch that fits into one piece is encoded once", async () => {
  expect(await piecesOf(new CachedMultipleNegativesRankingLoss(model, { miniBatchSize: 33 }))).toEqual([33]);
});

test("the trainer's limit of tokens holds as well: the smaller counts", async () => {
  const tokens = (pass: LossPass, options: { miniBatchSize?: number; miniBatchNumTokens?: number }) =>
    piecesOf(new CachedMultipleNegativesRankingLoss(model, options), pass);
  const limited = await tokens({ maxTokensPerMicroBatch: 20 }, { miniBatchSize: 10 });
  expect(limited.length).toBeGreaterThan(16);
  expect(await tokens({ maxTokensPerMicroBatch: 20 }, { miniBatchNumTokens: 60 })).toEqual(
    await tokens({}, { miniBatchNumTokens: 20 }),
  );
  expect(await tokens({ maxTokensPerMicroBatch: 60 }, { miniBatchNumTokens: 20 })).toEqual(
    await tokens({}, { miniBatchNumTokens: 20 }),
  );
});

test("Matryoshka encodes the texts once for all dimensions", async () => {
  model.calls.length = 0;
  await run(new MatryoshkaLoss(model, new MultipleNegativesRankingLoss(model), dims), batch, {}, model);
  expect(model.calls).toEqual([33]);
  guide.calls.length = 0;
  await run(new MatryoshkaLoss(model, new GISTEmbedLoss(model, guide), dims), batch, {}, model);
  expect(guide.calls).toEqual([33]); // and so does its guide
});

test("scores of a large batch are in memory some rows at a time", async () => {
  const [rows, dim] = [3000, 4];
  const scores = rows * rows * 4; // 36 MB: one matrix of them
  const peak = async (loss: MultipleNegativesRankingLoss | MegaBatchMarginLoss | GISTEmbedLoss) => {
    await synchronize();
    const before = memoryStats().current;
    return tensorScope(() => {
      const columns = [1, 2].map((seed) => randn([rows, dim], { seed, requiresGrad: true }));
      loss.fromEmbeddings(columns, batchOf(2, null, rows));
      return memoryStats().current - before;
    });
  };
  const encoder = { ...noModel };
  const asGuide = {
    forward: ({ offsets }: { offsets: Int32Array }) => randn([offsets.length - 1, dim], { seed: 3 }),
    tokenizeNow: (texts: readonly string[]) => ({
      tokens: new Int32Array(texts.length),
      offsets: Int32Array.from({ length: texts.length + 1 }, (_, i) => i),
    }),
  };
  expect(await peak(new MultipleNegativesRankingLoss(encoder))).toBeGreaterThan(1.5 * scores);
  expect(await peak(new CachedMultipleNegativesRankingLoss(encoder))).toBeLessThan(scores / 2);
  expect(await peak(new CachedMultipleNegativesRankingLoss(encoder, { directions }))).toBeLessThan(scores / 2);
  expect(await peak(new MegaBatchMarginLoss(encoder))).toBeLessThan(scores / 2);
  expect(await peak(new CachedGISTEmbedLoss(encoder, asGuide))).toBeLessThan(scores / 2);
});
