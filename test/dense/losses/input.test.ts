/** What losses say about batches that they cannot use. */
import type { Columns, EmbeddingLoss, Labels } from "@ettin/core";
import {
  AdaptiveLayerLoss,
  AnglELoss,
  BatchAllTripletLoss,
  BatchHardSoftMarginTripletLoss,
  BatchHardTripletLoss,
  BatchSemiHardTripletLoss,
  CachedMultipleNegativesRankingLoss,
  ContrastiveLoss,
  ContrastiveTensionLoss,
  CoSENTLoss,
  CosineSimilarityLoss,
  DistillKLDivLoss,
  GISTEmbedLoss,
  GlobalOrthogonalRegularizationLoss,
  MarginMSELoss,
  MatryoshkaLoss,
  MegaBatchMarginLoss,
  MSELoss,
  MultipleNegativesRankingLoss,
  OnlineContrastiveLoss,
  SoftmaxLoss,
  TripletLoss,
} from "@ettin/dense";
import { describe, expect, test } from "vitest";
import { dim, f, floats, ints, measure, noModel as model } from "./embeddings.ts";
import { columnsOf, TinyEncoder } from "./tiny-encoder.ts";

const ranking = new MultipleNegativesRankingLoss(model);
const three = floats(f, f, f);

type Refused = readonly [loss: EmbeddingLoss, columns: number, labels: Labels | null, message: string];
const refused: readonly Refused[] = [
  [
    ranking,
    1,
    null,
    '[MultipleNegativesRankingLoss] 1 input column ("text_0"), but 2 or more are needed: anchor, positive, then any negatives.',
  ],
  [
    new TripletLoss(model),
    2,
    null,
    '[TripletLoss] 2 input columns ("text_0", "text_1"), but 3 are needed: anchor, positive, negative.',
  ],
  [new TripletLoss(model), 4, null, "[TripletLoss] 4 input columns"],
  [new MegaBatchMarginLoss(model), 3, null, "[MegaBatchMarginLoss] 3 input columns"],
  [new CoSENTLoss(model), 3, floats(f), "[CoSENTLoss] 3 input columns"],
  [new BatchHardTripletLoss(model), 2, ints([0, 1, 0, 1]), "[BatchHardTripletLoss] 2 input columns"],
  [new DistillKLDivLoss(model), 2, floats(f), "[DistillKLDivLoss] 2 input columns"],
  [new CoSENTLoss(model), 2, null, "[CoSENTLoss] the batch has no labels, but each row needs a similarity."],
  [new AnglELoss(model), 2, null, "[AnglELoss] the batch has no labels"],
  [new ContrastiveLoss(model), 2, null, "[ContrastiveLoss] the batch has no labels"],
  [new MSELoss(model), 1, null, "[MSELoss] the batch has no labels"],
  [new CoSENTLoss(model), 2, ints([1, 0]), "[CoSENTLoss] labels have shape [2], but the batch has 4 rows"],
  [
    new CoSENTLoss(model),
    2,
    three,
    "[CoSENTLoss] labels have shape [4, 3], but each row needs one number: a similarity",
  ],
  [new CoSENTLoss(model), 2, floats([0, 1, Number.NaN, 0]), "[CoSENTLoss] row 2 of the batch has the label NaN"],
  [
    new CosineSimilarityLoss(model),
    2,
    floats([0.5, 1, 4.5, 0]),
    "[CosineSimilarityLoss] row 2 of the batch has the label 4.5, but a similarity from −1 to 1 is needed",
  ],
  [
    new ContrastiveLoss(model),
    2,
    ints([0, 1, -1, 0]),
    "[ContrastiveLoss] row 2 of the batch has the label -1, but a label from 0 to 1 is needed",
  ],
  [
    new OnlineContrastiveLoss(model),
    2,
    floats([0, 1, 0.5, 0]),
    "[OnlineContrastiveLoss] row 2 of the batch has the label 0.5, but a label of 0 or 1 is needed",
  ],
  [
    new AnglELoss(model),
    3,
    floats([0, 2, 0.5, 0]),
    "[AnglELoss] row 1 of the batch has the label 2, but a similarity from 0 to 1 is needed",
  ],
  [
    new MarginMSELoss(model),
    3,
    three,
    "[MarginMSELoss] each row has 3 labels, but 1 negative. Give 1 margin (positive − negative), or 2 scores, the positive's first.",
  ],
  [new DistillKLDivLoss(model), 3, three, "[DistillKLDivLoss] each row has 3 labels, but 2 documents."],
  [
    new DistillKLDivLoss(model),
    4,
    floats(f, f, [0, 1, Number.NaN, 0]),
    "[DistillKLDivLoss] row 2 of the batch has the label NaN",
  ],
  [
    new DistillKLDivLoss(model),
    3,
    floats(f, [0, 1, Number.POSITIVE_INFINITY, 0]),
    "[DistillKLDivLoss] row 2 of the batch has the label Infinity",
  ],
  [
    new DistillKLDivLoss(model),
    3,
    floats([0, -1 / 0, 0, 0], [0, -1 / 0, 0, 0]),
    "[DistillKLDivLoss] all scores of row 1 of the batch are −∞",
  ],
  [
    new MSELoss(model),
    1,
    three,
    "[MSELoss] embeddings have 6 dimensions, but the teacher's have 3. Set projectionDim: 3",
  ],
  [new MSELoss(model), 1, floats(f), "[MSELoss] labels have shape [4], but there are 4 rows of 1 columns"],
  ...[BatchAllTripletLoss, BatchHardTripletLoss, BatchSemiHardTripletLoss, BatchHardSoftMarginTripletLoss].map(
    (Loss) =>
      [
        new Loss(model),
        1,
        ints([7, 7, 7, 7]),
        "all 4 rows of the batch have the label 7, so that there are no negatives",
      ] as const,
  ),
  [new BatchHardTripletLoss(model), 1, floats(f), "[BatchHardTripletLoss] row 0 of the batch has the label 0.1"],
  [
    new BatchHardTripletLoss(model, { distanceMetric: "manhattan" as "cosine" }),
    1,
    ints([0, 1, 0, 1]),
    'there is no distance "manhattan"',
  ],
  [
    new MatryoshkaLoss(model, ranking, { matryoshkaDims: [8, 4] }),
    2,
    null,
    "[MatryoshkaLoss] 8 is among matryoshkaDims, but embeddings have 6 dimensions",
  ],
];

test.each(refused.map(([loss, columns, labels, message]) => ({ loss, columns, labels, message })))(
  "a batch is refused: $message",
  async ({ loss, columns, labels, message }) => {
    await expect(measure(loss, columns, labels)).rejects.toThrow(message);
  },
);

test("columns of different rows or dimensions are named", async () => {
  const of = (...shape: [number, number]) => ({ data: new Float32Array(shape[0] * shape[1]).fill(1), shape });
  await expect(measure(ranking, [of(2, 6), of(3, 6)])).rejects.toThrow(
    "embeddings of column 1 are [3, 6], but those of column 0 [2, 6]",
  );
  await expect(measure(ranking, [of(0, 6), of(0, 6)])).rejects.toThrow("the batch has no rows");
});

test("a softmax loss names what does not fit its classifier", async () => {
  expect(() => new SoftmaxLoss(model, { numLabels: 3 })).toThrow("[SoftmaxLoss] the projection has in size NaN");
  const loss = new SoftmaxLoss(model, { embeddingDimension: dim, numLabels: 3 });
  await expect(measure(loss, 2, ints([0, 3, 0, 1]))).rejects.toThrow("row 1 of the batch has the label 3");
  loss.dispose();
  const wider = new SoftmaxLoss(model, { embeddingDimension: 8, numLabels: 3 });
  await expect(measure(wider, 2, ints([0, 2, 0, 1]))).rejects.toThrow(
    "6 dimensions, but the classifier was made for 8",
  );
  wider.dispose();
});

describe("options", () => {
  const sized = { ...model, embeddingDimension: 6 };
  const wrong: readonly (readonly [make: () => unknown, message: string])[] = [
    [() => new MultipleNegativesRankingLoss(model, { scale: 0 }), "[MultipleNegativesRankingLoss] scale is 0"],
    [() => new MultipleNegativesRankingLoss(model, { directions: ["docToQuery"] }), 'Add "queryToDoc"'],
    [
      () => new MultipleNegativesRankingLoss(model, { directions: ["queryToDoc", "docs" as "docToDoc"] }),
      'there is no direction "docs"',
    ],
    [
      () =>
        new MultipleNegativesRankingLoss(model, {
          directions: ["queryToDoc", "docToDoc"],
          partitionMode: "perDirection",
        }),
      'partitionMode is "perDirection" with the direction "docToDoc"',
    ],
    [() => new MultipleNegativesRankingLoss(model, { hardnessStrength: -1 }), "hardnessStrength is -1"],
    [
      () => new MultipleNegativesRankingLoss(model, { similarityFct: "cos" as "cosine" }),
      'there is no similarity "cos"',
    ],
    [() => new CachedMultipleNegativesRankingLoss(model, { miniBatchSize: 0 }), "miniBatchSize is 0"],
    [() => new CachedMultipleNegativesRankingLoss(model, { miniBatchNumTokens: 1.5 }), "miniBatchNumTokens is 1.5"],
    [() => new DistillKLDivLoss(model, { temperature: 0 }), "[DistillKLDivLoss] temperature is 0"],
    [() => new TripletLoss(model, { distanceMetric: "dot" as "cosine" }), 'there is no distance "dot"'],
    [() => new ContrastiveLoss(model, { distanceMetric: "dot" as "cosine" }), 'there is no distance "dot"'],
    [() => new GlobalOrthogonalRegularizationLoss(model, { meanWeight: 0, secondMomentWeight: null }), "are both off"],
    [() => new MatryoshkaLoss(sized, ranking, { matryoshkaDims: [] }), "matryoshkaDims is empty"],
    [
      () => new MatryoshkaLoss(sized, ranking, { matryoshkaDims: [8] }),
      "8 is among matryoshkaDims. Give whole numbers from 1 to 6",
    ],
    [
      () => new MatryoshkaLoss(sized, ranking, { matryoshkaDims: [6, 3], matryoshkaWeights: [1] }),
      "2 matryoshkaDims, but 1 matryoshkaWeights",
    ],
    [
      () =>
        new AdaptiveLayerLoss({ ...model, forwardLayers: () => [] }, ranking, { layerWeighting: "square" as "log" }),
      'there is no layerWeighting "square"',
    ],
    [
      () => new GISTEmbedLoss(model, { ...model, tokenizeNow: () => ({}) as never }, { temperature: 0 }),
      "temperature is 0",
    ],
    [() => new ContrastiveTensionLoss({ ...model, entries: () => [] }, {} as never), "copy is missing"],
  ];
  test.each(wrong.map(([make, message]) => ({ make, message })))("$message", ({ make, message }) => {
    expect(make).toThrow(message);
  });
});

test("a text without tokens is named, with its row and column", () => {
  const encoder = new TinyEncoder();
  const batch: Columns = columnsOf([
    [[1, 2], [3]],
    [[4], []],
  ]);
  const message = '[encodeColumns] row 1 of the batch has no tokens in column "text_1": ""';
  expect(() => new MultipleNegativesRankingLoss(encoder).forward(batch)).toThrow(message);
  expect(() => new AdaptiveLayerLoss(encoder, ranking).forward(batch)).toThrow(message);
  expect(encoder.calls).toEqual([]);
  encoder.dispose();
});
