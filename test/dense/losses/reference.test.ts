/** Losses beyond the table of golden.test.ts, as scripts/reference/dense_losses.py ran them in Sentence Transformers. */
import { readFileSync } from "node:fs";
import { type EmbeddingLoss, type Labels, noGrad, Tensor } from "@ettin/core";
import {
  AnglELoss,
  BatchAllTripletLoss,
  BatchHardSoftMarginTripletLoss,
  BatchHardTripletLoss,
  BatchSemiHardTripletLoss,
  CachedGISTEmbedLoss,
  ContrastiveLoss,
  ContrastiveTensionLoss,
  ContrastiveTensionLossInBatchNegatives,
  type CopyableEncoder,
  CoSENTLoss,
  DistillKLDivLoss,
  EmbedDistillLoss,
  GISTEmbedLoss,
  type GISTEmbedOptions,
  GlobalOrthogonalRegularizationLoss,
  type GuideModel,
  MarginMSELoss,
  MatryoshkaLoss,
  MegaBatchMarginLoss,
  MSELoss,
  MultipleNegativesRankingLoss,
  OnlineContrastiveLoss,
  SoftmaxLoss,
  TripletLoss,
} from "@ettin/dense";
import { expect, test } from "vitest";
import { expectClose } from "../../support/check-op.ts";
import { binary, component, dim, f, floats, ints, measure, near, noModel, rows } from "./embeddings.ts";

interface Case {
  readonly loss: number;
  readonly gradients: number[][];
  readonly weightNorm?: number;
  readonly biasGradient?: number[];
  readonly scaleGradient?: number;
}
const file = new URL("../../fixtures/dense/losses.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: Record<string, Case> };

const model = noModel;
const all = ["queryToDoc", "queryToQuery", "docToQuery", "docToDoc"] as const;
const wide = floats(
  f,
  f.map((x) => 0.5 * x - 0.2),
  f.map((x) => x * x),
);
const embedding = (column: number, width = dim, count = rows) => ({
  data: Float32Array.from({ length: count * width }, (_, k) => component(column, Math.floor(k / width), k % width)),
  shape: [count, width],
});
const columnsOf = (count: number, width = dim, height = rows) =>
  Array.from({ length: count }, (_, c) => embedding(c, width, height));
const nine = ints([3, 7, 7, 3, 3, 5, 7, 3, 7]);
const teacher: Labels = { values: embedding(5).data, shape: [rows, dim] };
const perColumn: Labels = {
  values: Float32Array.from({ length: rows * 2 * dim }, (_, k) =>
    component(5 + (Math.floor(k / dim) % 2), Math.floor(k / (2 * dim)), k % dim),
  ),
  shape: [rows, 2, dim],
};
const absent: Labels = { values: wide.values.slice(), shape: wide.shape };
absent.values[1 * 3 + 2] = Number.NEGATIVE_INFINITY;

/** A guide whose embeddings are columns 2, 3 … of the fixture. */
function guideOf(columns: number): GuideModel {
  const later = columnsOf(columns + 2).slice(2);
  const data = Float32Array.from(later.flatMap((column) => [...column.data]));
  return {
    forward: ({ tokens }) =>
      Tensor.from(data, { shape: [data.length / dim, dim] }).slice(tokens[0]!, tokens.at(-1)! + 1),
    tokenizeNow: (texts) => ({
      tokens: Int32Array.from(texts, (_, i) => i),
      offsets: Int32Array.from({ length: texts.length + 1 }, (_, i) => i),
    }),
  };
}
/** As the cached loss scores large batches. */
class ThreeRowsAtOnce extends CachedGISTEmbedLoss {
  protected override rowsPerChunk(): number {
    return 3;
  }
}
const gist = (columns: number, options: GISTEmbedOptions = {}) => new GISTEmbedLoss(model, guideOf(columns), options);

interface Run {
  readonly name: string;
  readonly loss: EmbeddingLoss;
  readonly columns: ReturnType<typeof columnsOf>;
  readonly labels: Labels | null;
}
type Given = readonly [name: string, loss: EmbeddingLoss, columns: Run["columns"], labels?: Labels];
const given: Given[] = [
  ...[2, 3].flatMap((count): Given[] => [
    [`gist defaults ${count}`, gist(count), columnsOf(count)],
    [`gist absolute 0.1 ${count}`, gist(count, { margin: 0.1 }), columnsOf(count)],
    [`gist relative 0.2 ${count}`, gist(count, { margin: 0.2, marginStrategy: "relative" }), columnsOf(count)],
    [
      `gist pairs only ${count}`,
      gist(count, { contrastAnchors: false, contrastPositives: false, temperature: 0.05 }),
      columnsOf(count),
    ],
  ]),
  ["gist cached 4", new ThreeRowsAtOnce(model, guideOf(4), { miniBatchSize: 3 }), columnsOf(4)],
  ["gist cached 4", gist(4), columnsOf(4)],
  ["angle odd", new AnglELoss(model), columnsOf(2, 5), floats(f)],
  ["angle negatives", new AnglELoss(model), columnsOf(4)],
  ["angle negatives with labels", new AnglELoss(model), columnsOf(3), floats([0.1, 0.85, 0.4, 0.7])],
  [
    "mnrl two directions joint",
    new MultipleNegativesRankingLoss(model, { directions: ["queryToDoc", "docToDoc"] }),
    columnsOf(4),
  ],
  ...(
    [
      ["in_batch_negatives", "inBatchNegatives"],
      ["hard_negatives", "hardNegatives"],
      ["all_negatives", "allNegatives"],
    ] as const
  ).map(
    ([name, hardnessMode]): Given => [
      `mnrl ${name}`,
      new MultipleNegativesRankingLoss(model, { scale: 2, hardnessMode, hardnessStrength: 3, directions: all }),
      columnsOf(4),
    ],
  ),
  ...(["euclidean", "manhattan"] as const).flatMap((name): Given[] => [
    [
      `mnrl ${name}`,
      new MultipleNegativesRankingLoss(model, { scale: 1, similarityFct: name }),
      columnsOf(name === "manhattan" ? 2 : 3),
    ],
    [
      `contrastive ${name} sum`,
      new ContrastiveLoss(model, { distanceMetric: name, margin: 3, sizeAverage: false }),
      columnsOf(2),
      ints(binary),
    ],
  ]),
  ["cosent manhattan", new CoSENTLoss(model, { scale: 2, similarityFct: "manhattan" }), columnsOf(2), floats(f)],
  ["cosent equal labels", new CoSENTLoss(model), columnsOf(2), floats([0.5, 0.1, 0.5, 0.1])],
  ...(
    [
      ["one positive", [0, 1, 0, 0]],
      ["one negative", [1, 1, 1, 0]],
      ["positives", [1, 1, 1, 1]],
      ["negatives", [0, 0, 0, 0]],
    ] as const
  ).map(
    ([name, labels]): Given => [
      `online contrastive ${name}`,
      new OnlineContrastiveLoss(model, { margin: 0.9 }),
      columnsOf(2),
      ints([...labels]),
    ],
  ),
  ...(["cosine", "manhattan"] as const).map(
    (name): Given => [
      `triplet ${name}`,
      new TripletLoss(model, { distanceMetric: name, tripletMargin: 1 }),
      columnsOf(3),
    ],
  ),
  ...(["euclidean", "cosine"] as const).flatMap((distanceMetric): Given[] => {
    const options = { distanceMetric, margin: 0.5 };
    const one = columnsOf(1, dim, 9);
    return [
      [`BatchAllTripletLoss ${distanceMetric}`, new BatchAllTripletLoss(model, options), one, nine],
      [`BatchHardTripletLoss ${distanceMetric}`, new BatchHardTripletLoss(model, options), one, nine],
      [`BatchSemiHardTripletLoss ${distanceMetric}`, new BatchSemiHardTripletLoss(model, options), one, nine],
      [
        `BatchHardSoftMarginTripletLoss ${distanceMetric}`,
        new BatchHardSoftMarginTripletLoss(model, { distanceMetric }),
        one,
        nine,
      ],
    ];
  }),
  ["margin mse margins", new MarginMSELoss(model), columnsOf(5), wide],
  [
    "distill kl two temperatures",
    new DistillKLDivLoss(model, { studentTemperature: 2, teacherTemperature: 0.5 }),
    columnsOf(4),
    wide,
  ],
  ["distill kl absent", new DistillKLDivLoss(model), columnsOf(4), absent],
  ...(["mse", "l2", "cosine"] as const).map(
    (distanceMetric): Given => [
      `embed distill ${distanceMetric} per column`,
      new EmbedDistillLoss(model, { distanceMetric }),
      columnsOf(2),
      perColumn,
    ],
  ),
  [
    "mega batch margin",
    new MegaBatchMarginLoss(model, { positiveMargin: 0.9, negativeMargin: -0.2, miniBatchSize: 4 }),
    columnsOf(2, dim, 9),
  ],
  [
    "gor sum",
    new GlobalOrthogonalRegularizationLoss(model, { meanWeight: 2, secondMomentWeight: 0.5, aggregation: "sum" }),
    columnsOf(3),
  ],
  [
    "matryoshka of mse",
    new MatryoshkaLoss(model, new MSELoss(model), { matryoshkaDims: [2, 6, 3], matryoshkaWeights: [0.5, 1, 2] }),
    columnsOf(2),
    teacher,
  ],
  [
    "matryoshka of cosent",
    new MatryoshkaLoss(model, new CoSENTLoss(model), { matryoshkaDims: [4, 2] }),
    columnsOf(2),
    floats(f),
  ],
];

/** Gradients to 1e-5 of the largest, the loss to 1e-5 of itself (or of 1e-3, where it is next to nothing). */
function expectAs(name: string, measured: Awaited<ReturnType<typeof measure>>): Case {
  const expected = cases[name];
  if (!expected) throw new Error(`no case "${name}"`);
  const error = Math.abs(measured.loss - expected.loss);
  const allowed = 1e-5 * Math.max(Math.abs(expected.loss), 1e-3);
  expect(error, `loss ${measured.loss}, expected ${expected.loss}`).toBeLessThanOrEqual(allowed);
  const largest = Math.max(1e-3, ...expected.gradients.flat().map(Math.abs));
  for (const [c, gradient] of expected.gradients.entries()) {
    expectClose(measured.gradients[c]!, gradient, 2e-5, `gradient of column ${c}`, largest);
  }
  return expected;
}

const runs: Run[] = given.map(([name, loss, columns, labels = null]) => ({ name, loss, columns, labels }));

test.each(runs)("$name", async ({ name, loss, columns, labels }) => {
  expectAs(name, await measure(loss, columns, labels));
});

/** Writes numbers into a parameter. */
const fill = (parameter: Tensor, values: ArrayLike<number>): void => {
  noGrad(() => parameter.backend.copy(parameter, Tensor.from(Float32Array.from(values), { shape: parameter.shape })));
};
const normOf = (x: ArrayLike<number>): number => Math.hypot(...Array.from(x));

test.each([
  ["softmax", {}],
  ["softmax with product", { concatenationSentMultiplication: true, concatenationSentRep: false }],
] as const)("%s, with the gradient of its classifier", async (name, options) => {
  const loss = new SoftmaxLoss(model, { embeddingDimension: dim, numLabels: 3, ...options });
  const weight = loss.namedParameters.get("classifier.weight")!;
  const bias = loss.namedParameters.get("classifier.bias")!;
  const [, width] = weight.shape;
  fill(
    weight,
    Array.from({ length: weight.size }, (_, k) => Math.cos(1 + 0.7 * Math.floor(k / width!) + 0.3 * (k % width!))),
  );
  fill(bias, [0.1, -0.2, 0.3]);
  const expected = expectAs(name, await measure(loss, 2, ints([2, 0, 1, 2])));
  expect(near(normOf(await weight.grad!.data()), expected.weightNorm!)).toBeLessThan(1e-5);
  expectClose(await bias.grad!.data(), expected.biasGradient!, 1e-5, "gradient of the bias");
  loss.dispose();
});

const copyable = (): CopyableEncoder => ({ ...noModel, entries: () => [] });

test("contrastive tension", async () => {
  const loss = new ContrastiveTensionLoss(copyable(), { copy: copyable() });
  expectAs("contrastive tension", await measure(loss, 2, ints(binary)));
});

test("contrastive tension in batch, with the gradient of its scale", async () => {
  const loss = new ContrastiveTensionLossInBatchNegatives(copyable(), { copy: copyable() });
  const expected = expectAs("contrastive tension in batch", await measure(loss, 2));
  const scale = loss.namedParameters.get("logit_scale")!;
  expect(near((await scale.grad!.data())[0]!, expected.scaleGradient!)).toBeLessThan(1e-5);
  loss.dispose();
});

test("every case of the file is run", () => {
  const ours = [...runs.map(({ name }) => name), "softmax", "softmax with product"];
  const others = Object.keys(cases).filter((name) => !ours.includes(name) && !name.startsWith("model "));
  expect(others).toEqual(["contrastive tension", "contrastive tension in batch"]);
});
