import { Dataset } from "@ettin/core";
import { CoSENTLoss, EmbeddingSimilarityEvaluator, MultipleNegativesRankingLoss } from "@ettin/dense";
import { expect, test } from "vitest";
import { newModel, newTrainer, PAIRS, pairs } from "./tiny.ts";

test("a run tells the card its data, losses, arguments, log and evaluations", async () => {
  const model = await newModel();
  const scored = Dataset.fromRows(PAIRS.map(([a, b], i) => ({ a, b, score: i / 8, whole: `${i}` }))).selectColumns([
    "a",
    "b",
    "score",
  ]);
  const mnrl = new MultipleNegativesRankingLoss(model, { scale: 10 });
  const evaluator = new EmbeddingSimilarityEvaluator({
    sentences1: PAIRS.map(([a]) => a),
    sentences2: PAIRS.map(([, b]) => b),
    scores: PAIRS.map((_, i) => i),
    name: "dev",
  });
  const trainer = newTrainer(
    { maxSteps: 4, loggingSteps: 2, evalStrategy: "steps", evalSteps: 4, perDeviceTrainBatchSize: 4 },
    {
      model,
      trainDataset: { pairs: pairs(), scored },
      evalDataset: { scored },
      loss: { pairs: mnrl, scored: new CoSENTLoss(model) },
      evaluator,
    },
  );
  await trainer.train();
  const { training, evaluations } = model.cardFacts;
  expect(training).toMatchObject({
    trainDatasets: [
      {
        name: "pairs",
        rows: 8,
        columns: [
          { name: "anchor", type: "string", shares: null },
          { name: "positive", type: "string", shares: null },
        ],
        loss: { name: "MultipleNegativesRankingLoss", config: { scale: 10 } },
      },
      {
        name: "scored",
        columns: [{}, {}, { name: "score", type: "float", range: { min: 0, mean: 0.4375, max: 0.875 } }],
      },
    ],
    evalDatasets: [{ name: "scored", rows: 8, loss: { name: "CoSENTLoss" } }],
    losses: [{ name: "MultipleNegativesRankingLoss" }, { name: "CoSENTLoss" }],
    nonDefaultArguments: { maxSteps: 4, perDeviceTrainBatchSize: 4 },
    bestStep: null,
  });
  const [first] = training!.trainDatasets;
  expect(first!.samples).toEqual(PAIRS.slice(0, 3).map(([anchor, positive]) => ({ anchor, positive })));
  const { offsets } = await model.tokenize(PAIRS.map(([anchor]) => anchor));
  const lengths = PAIRS.map((_, i) => offsets[i + 1]! - offsets[i]!);
  expect(first!.columns[0]!.range).toEqual({
    min: Math.min(...lengths),
    mean: lengths.reduce((sum, each) => sum + each, 0) / 8,
    max: Math.max(...lengths),
  });
  expect(Object.keys(training!.nonDefaultArguments)).toEqual(["perDeviceTrainBatchSize", "maxSteps"]);
  expect(training!.arguments).toMatchObject({ learningRate: 5e-5, prompts: null });

  const history = trainer.state.logHistory;
  expect(training!.log).toEqual([
    { step: 2, epoch: 0.5, trainingLoss: history[0]!.loss, metrics: {} },
    {
      step: 4,
      epoch: 1,
      trainingLoss: history[1]!.loss,
      metrics: {
        scored_loss: history[2]!.eval_scored_loss,
        dev_spearman_cosine: history[2]!.eval_dev_spearman_cosine,
      },
    },
  ]);
  expect(evaluations).toEqual([
    {
      evaluator: "EmbeddingSimilarityEvaluator",
      description: "Semantic Similarity",
      name: "dev",
      primaryMetric: "dev_spearman_cosine",
      metrics: { dev_pearson_cosine: expect.any(Number), dev_spearman_cosine: history[2]!.eval_dev_spearman_cosine },
      config: {},
      epoch: 1,
      steps: 4,
    },
  ]);
});

test("whole numbers and lists have facts of their own", async () => {
  const model = await newModel();
  const dataset = Dataset.fromRows([
    { a: "x", b: "y", label: 1 },
    { a: "x", b: "z", label: 0 },
    { a: "x", b: "w", label: 1 },
    { a: "x", b: "v", label: 1 },
  ]);
  await newTrainer({ maxSteps: 1 }, { model, trainDataset: dataset }).train();
  expect(model.cardFacts.training!.trainDatasets[0]!.columns[2]).toEqual({
    name: "label",
    type: "int",
    range: null,
    shares: { 0: 0.25, 1: 0.75 },
  });
  expect(model.cardFacts.training!.losses).toMatchObject([{ name: "CoSENTLoss", config: { scale: 20 } }]);
});

test("where the best step's weights are taken, the card says which", async () => {
  const model = await newModel();
  const scores = [1, 3, 2];
  const evaluator = {
    name: "",
    primaryMetric: "score",
    greaterIsBetter: true,
    evaluate: async () => ({ score: scores.shift()! }),
  };
  const args = {
    maxSteps: 3,
    evalStrategy: "steps",
    saveStrategy: "steps",
    evalSteps: 1,
    saveSteps: 1,
    loadBestModelAtEnd: true,
    metricForBestModel: "score",
  } as const;
  const loss = new MultipleNegativesRankingLoss(model);
  await newTrainer(args, { model, loss, trainDataset: pairs(), evaluator }).train();
  expect(model.cardFacts.training).toMatchObject({ bestStep: 2, log: [{ metrics: { score: 1 } }, {}, {}] });
});
