/** Losses and gradients that Sentence Transformers 6.0.1 gives for the same embeddings in float64. */
import type { EmbeddingLoss, Labels } from "@ettin/core";
import {
  AnglELoss,
  BatchAllTripletLoss,
  BatchHardSoftMarginTripletLoss,
  BatchHardTripletLoss,
  BatchSemiHardTripletLoss,
  CachedMultipleNegativesRankingLoss,
  ContrastiveLoss,
  CoSENTLoss,
  CosineSimilarityLoss,
  DistillKLDivLoss,
  EmbedDistillLoss,
  GlobalOrthogonalRegularizationLoss,
  MarginMSELoss,
  MatryoshkaLoss,
  MegaBatchMarginLoss,
  MSELoss,
  MultipleNegativesRankingLoss,
  MultipleNegativesSymmetricRankingLoss,
  OnlineContrastiveLoss,
  TripletLoss,
} from "@ettin/dense";
import { expect, test } from "vitest";
import { binary, classes, component, dim, f, floats, ints, measure, near, noModel, rows } from "./embeddings.ts";

const model = noModel;
const all = ["queryToDoc", "queryToQuery", "docToQuery", "docToDoc"] as const;
const threeWide = floats(
  f,
  f.map((x) => 0.5 * x - 0.2),
  f.map((x) => x * x),
);
const teacher: Labels = {
  values: Float32Array.from({ length: rows * dim }, (_, k) => component(5, Math.floor(k / dim), k % dim)),
  shape: [rows, dim],
};
const hard = (hardnessMode: "inBatchNegatives" | "hardNegatives" | "allNegatives") =>
  new MultipleNegativesRankingLoss(model, { hardnessMode, hardnessStrength: 9 });
const matryoshka = (inner: EmbeddingLoss) => new MatryoshkaLoss(model, inner, { matryoshkaDims: [6, 4, 2] });
const ranking = new MultipleNegativesRankingLoss(model);

/** As the cached loss scores large batches. */
class ThreeRowsAtOnce extends CachedMultipleNegativesRankingLoss {
  protected override rowsPerChunk(): number {
    return 3;
  }
}
const inChunks = new ThreeRowsAtOnce(model);

const cases: readonly [
  name: string,
  loss: EmbeddingLoss,
  columns: number,
  labels: Labels | null,
  value: number,
  gradient: number,
][] = [
  ["MNRL, 2 columns", ranking, 2, null, 9.280325287, 11.204663906],
  ["MNRL, 3 columns", ranking, 3, null, 12.189823728, 8.882258536],
  ["MNRL, 4 columns", ranking, 4, null, 12.534473489, 8.350222143],
  ["cached MNRL in chunks, 2 columns", inChunks, 2, null, 9.280325287, 11.204663906],
  ["cached MNRL in chunks, 3 columns", inChunks, 3, null, 12.189823728, 8.882258536],
  ["cached MNRL in chunks, 4 columns", inChunks, 4, null, 12.534473489, 8.350222143],
  ["symmetric MNRL", new MultipleNegativesSymmetricRankingLoss(model), 3, null, 10.672997732, 9.90297247],
  [
    "cached symmetric MNRL in chunks",
    new ThreeRowsAtOnce(model, { directions: ["queryToDoc", "docToQuery"], partitionMode: "perDirection" }),
    3,
    null,
    10.672997732,
    9.90297247,
  ],
  [
    "MNRL, all four directions, joint",
    new MultipleNegativesRankingLoss(model, { directions: all }),
    3,
    null,
    12.826029647,
    8.358662693,
  ],
  [
    "cached MNRL in chunks, all four directions, joint",
    new ThreeRowsAtOnce(model, { directions: all }),
    3,
    null,
    12.826029647,
    8.358662693,
  ],
  ["MNRL, hardness 9 in-batch", hard("inBatchNegatives"), 3, null, 19.373157581, 9.687164823],
  ["MNRL, hardness 9 hard", hard("hardNegatives"), 3, null, 12.189823716, 8.882258544],
  ["MNRL, hardness 9 all", hard("allNegatives"), 3, null, 19.373157581, 9.687164824],
  [
    "MNRL, dot, scale 1",
    new MultipleNegativesRankingLoss(model, { similarityFct: "dot", scale: 1 }),
    3,
    null,
    2.514742522,
    1.340029122,
  ],
  ["CoSENT", new CoSENTLoss(model), 2, floats(f), 15.393007824, 20.186011229],
  ["AnglE", new AnglELoss(model), 2, floats(f), 26.276844018, 24.13730833],
  ["CosineSimilarity", new CosineSimilarityLoss(model), 2, floats(f), 0.332281869, 0.446635197],
  ["Contrastive", new ContrastiveLoss(model), 2, ints(binary), 0.104520202, 0.174068042],
  ["OnlineContrastive", new OnlineContrastiveLoss(model), 2, ints(binary), 0.740790249, 1.347404458],
  ["Triplet", new TripletLoss(model), 3, null, 4.082286965, 0.777143136],
  ["BatchAll", new BatchAllTripletLoss(model), 1, ints(classes), 5.247566033, 0.930033739],
  ["BatchHard", new BatchHardTripletLoss(model), 1, ints(classes), 5.831734456, 1.198528484],
  ["BatchSemiHard", new BatchSemiHardTripletLoss(model), 1, ints(classes), 4.689049316, 0.726753008],
  ["BatchHardSoftMargin", new BatchHardSoftMarginTripletLoss(model), 1, ints(classes), 1.273765632, 0.888010496],
  ["MarginMSE, one negative", new MarginMSELoss(model), 3, floats(f), 3.776657788, 6.073852758],
  ["MarginMSE, scores of two negatives", new MarginMSELoss(model), 4, threeWide, 5.784339935, 7.184377216],
  ["DistillKL", new DistillKLDivLoss(model), 4, threeWide, 0.652423391, 0.67134412],
  ["DistillKL, T = 2", new DistillKLDivLoss(model, { temperature: 2 }), 4, threeWide, 0.775623484, 0.858961621],
  ["MSE", new MSELoss(model), 2, teacher, 1.083636477, 0.300504642],
  ["EmbedDistill, cosine", new EmbedDistillLoss(model), 2, teacher, 1.056825898, 0.18585629],
  ["EmbedDistill, l2", new EmbedDistillLoss(model, { distanceMetric: "l2" }), 2, teacher, 2.486866013, 0.353553391],
  [
    "MegaBatchMargin, plain",
    new MegaBatchMarginLoss(model, { useMiniBatchedVersion: false }),
    2,
    null,
    0.873878741,
    0.561205796,
  ],
  [
    "MegaBatchMargin in chunks",
    new MegaBatchMarginLoss(model, { miniBatchSize: 3 }),
    2,
    null,
    0.873878741,
    0.561205796,
  ],
  ["Matryoshka of MNRL", matryoshka(ranking), 3, null, 29.05917181, 26.912096563],
  ["Matryoshka of cached MNRL", matryoshka(inChunks), 3, null, 29.05917181, 26.912096563],
];

test.each(cases)("%s", async (_, loss, columns, labels, value, gradient) => {
  const measured = await measure(loss, columns, labels);
  expect(near(measured.loss, value), `loss ${measured.loss}, expected ${value}`).toBeLessThan(1e-5);
  expect(near(measured.norm, gradient), `gradient ${measured.norm}, expected ${gradient}`).toBeLessThan(1e-5);
});

test("GlobalOrthogonalRegularization", async () => {
  const { parts, norm } = await measure(new GlobalOrthogonalRegularizationLoss(model), 2);
  expect(near(parts.gor_mean!, 0.074251911)).toBeLessThan(1e-5);
  expect(near(parts.gor_second_moment!, 0.12631103)).toBeLessThan(1e-5);
  expect(near(norm, 0.151022049)).toBeLessThan(1e-5);
});
