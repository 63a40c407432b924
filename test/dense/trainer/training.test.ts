import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { columnsCollator, Dataset, noGrad, type Tensor } from "@ettin/core";
import {
  BatchHardTripletLoss,
  CoSENTLoss,
  GISTEmbedLoss,
  InformationRetrievalEvaluator,
  MultipleNegativesRankingLoss,
  Pooling,
  SentenceTransformer,
  SoftmaxLoss,
  TripletEvaluator,
} from "@ettin/dense";
import { describe, expect, test } from "vitest";
import { classes, freed, newFolder, newModel, newTrainer, PAIRS, pairs, weightsOf } from "./tiny.ts";

const timed = /_(runtime|samples_per_second|steps_per_second)$/;
const names = (metrics: object) => Object.keys(metrics).filter((name) => !timed.test(name));

const triplets = (name: string) =>
  new TripletEvaluator({
    anchors: PAIRS.map(([anchor]) => anchor),
    positives: PAIRS.map(([, positive]) => positive),
    negatives: PAIRS.map((_, i) => PAIRS[(i + 1) % 8]![1]),
    name,
  });

const retrieval = (name: string) =>
  new InformationRetrievalEvaluator({
    queries: Object.fromEntries(PAIRS.map(([question], i) => [`q${i}`, question])),
    corpus: Object.fromEntries(PAIRS.map(([, answer], i) => [`d${i}`, answer])),
    relevantDocs: Object.fromEntries(PAIRS.map((_, i) => [`q${i}`, [`d${i}`]])),
    name,
  });

test("eight pairs are memorised", async () => {
  const model = await newModel();
  const evaluator = retrieval("pairs");
  const before = await evaluator.evaluate(model);
  const loss = new MultipleNegativesRankingLoss(model);
  const args = { maxSteps: 40, learningRate: 3e-3, batchSampler: "no_duplicates" } as const;
  const losses: number[] = [];
  for await (const step of newTrainer(args, { model, trainDataset: pairs(), loss }).steps()) losses.push(step.loss);
  const after = await evaluator.evaluate(model);
  expect(losses[0]!).toBeGreaterThan(1);
  expect(losses.at(-1)!).toBeLessThan(0.1);
  expect(before[evaluator.primaryMetric!]!).toBeLessThan(0.9);
  expect(after[evaluator.primaryMetric!]).toBe(1);
});

describe("metrics", () => {
  test("have the reference's names", async () => {
    const model = await newModel();
    const loss = new MultipleNegativesRankingLoss(model);
    const trainer = newTrainer({}, { model, loss, evalDataset: pairs(), evaluator: triplets("dev") });
    expect(names(await trainer.evaluate())).toEqual(["eval_loss", "eval_dev_cosine_accuracy"]);
  });

  test("of several evaluation datasets and several evaluators", async () => {
    const model = await newModel();
    const named = { pairs: pairs(), more: pairs() };
    const loss = new MultipleNegativesRankingLoss(model);
    const evaluator = [triplets("a"), triplets("b")];
    const trainer = newTrainer({}, { model, loss, evalDataset: named, evaluator });
    const metrics = await trainer.evaluate();
    expect(names(metrics)).toEqual([
      "eval_pairs_loss",
      "eval_more_loss",
      "eval_a_cosine_accuracy",
      "eval_b_cosine_accuracy",
      "eval_sequential_score",
    ]);
    expect(metrics.eval_sequential_score).toBe(metrics.eval_b_cosine_accuracy);
  });

  test("of evaluators are also in files below outputDir, and the parts of a loss are logged under their names", async () => {
    const model = await newModel();
    const inner = new MultipleNegativesRankingLoss(model);
    const loss = {
      forward: (...args: Parameters<typeof inner.forward>) => ({ base_loss: inner.forward(...args) as never }),
    };
    const outputDir = newFolder();
    const args = { maxSteps: 2, loggingSteps: 1, evalStrategy: "steps", evalSteps: 2, outputDir } as const;
    const trainer = newTrainer(args, { model, loss, trainDataset: pairs(), evaluator: triplets("dev") });
    await trainer.train();
    const [first] = trainer.state.logHistory;
    expect(Object.keys(first!)).toEqual(expect.arrayContaining(["loss", "base_loss", "grad_norm", "learning_rate"]));
    expect(await readdir(join(outputDir, "eval"))).toEqual(["triplet_evaluation_dev_results.csv"]);
    const csv = await readFile(join(outputDir, "eval/triplet_evaluation_dev_results.csv"), "utf8");
    expect(csv.split("\n")[0]).toBe("epoch,steps,accuracy_cosine");
    expect(csv.split("\n")[1]).toMatch(/^2,2,/);
  });
});

describe("a loss", () => {
  test("is CoSENT where none is given", async () => {
    const model = await newModel();
    const dataset = Dataset.fromRows(PAIRS.map(([a, b], i) => ({ a, b, score: i / 8 })));
    const trainer = newTrainer({}, { model, evalDataset: dataset });
    const other = newTrainer({}, { model, evalDataset: dataset, loss: new CoSENTLoss(model) });
    expect((await trainer.evaluate()).eval_loss).toBe((await other.evaluate()).eval_loss);
  });

  test("may be one for each dataset", async () => {
    const model = await newModel();
    const softmax = freed(new SoftmaxLoss(model, { numLabels: 2 }));
    const loss = { pairs: new MultipleNegativesRankingLoss(model), classes: softmax };
    const trainDataset = { pairs: pairs(), classes: classes() };
    const trainer = newTrainer(
      { perDeviceTrainBatchSize: 2, numTrainEpochs: 1, loggingSteps: 1 },
      { model, loss, trainDataset, evalDataset: { pairs: pairs() } },
    );
    const rows: number[] = [];
    for await (const step of trainer.steps()) rows.push(step.rows);
    expect(rows).toEqual(Array(7).fill(2));
    expect(names(await trainer.evaluate())).toEqual(["eval_pairs_loss"]);
  });

  test.each([
    [
      { trainDataset: pairs() },
      "loss is an object of losses by dataset, but trainDataset is one dataset without a name",
    ],
    [{ trainDataset: { other: pairs() } }, "there is no loss for other of trainDataset"],
    [{ evalDataset: { other: pairs() } }, "there is no loss for other of evalDataset"],
  ])("by dataset has to cover all of them: %j", async (datasets, message) => {
    const model = await newModel();
    const loss = { pairs: new MultipleNegativesRankingLoss(model) };
    expect(() => newTrainer({}, { model, loss, ...datasets })).toThrow(message);
  });

  test("of another model is an error", async () => {
    const [model, other] = [await newModel(), await newModel()];
    const loss = new MultipleNegativesRankingLoss(other);
    expect(() => newTrainer({}, { model, loss, trainDataset: pairs() })).toThrow(
      "[SentenceTransformerTrainer] MultipleNegativesRankingLoss was made for another model.",
    );
  });
});

test("micro-batches give the weights of the whole batch, to rounding", async () => {
  const run = async (maxTokensPerMicroBatch: number | null) => {
    const model = await newModel();
    const loss = new MultipleNegativesRankingLoss(model);
    const trainer = newTrainer({ maxSteps: 3, maxTokensPerMicroBatch }, { model, loss, trainDataset: pairs() });
    const losses: number[] = [];
    for await (const step of trainer.steps()) losses.push(step.loss);
    return losses;
  };
  const [whole, pieces] = [await run(null), await run(40)];
  for (const [i, loss] of whole.entries()) expect(pieces[i]!).toBeCloseTo(loss, 4);
});

test("frozen parameters stay as they are", async () => {
  const model = await newModel();
  const frozen = model.entries().filter(({ name }) => !name.includes("mlp"));
  for (const { tensor } of frozen) tensor.requiresGrad = false;
  const before = await weightsOf(model);
  const loss = new MultipleNegativesRankingLoss(model);
  await newTrainer({ maxSteps: 2 }, { model, loss, trainDataset: pairs() }).train();
  const after = await weightsOf(model);
  const moved = Object.keys(before).filter((name) => before[name] !== after[name]);
  expect(moved.length).toBeGreaterThan(0);
  expect(moved.every((name) => name.includes("mlp"))).toBe(true);
});

test("a guide whose pooling leaves prompts out does so with the model's ids, too", async () => {
  const model = await newModel();
  const [transformer] = (await newModel()).modules;
  const pooling = new Pooling({ embeddingDimension: model.embeddingDimension, includePrompt: false });
  const guide = new SentenceTransformer({ modules: [transformer!, pooling] });
  const loss = new GISTEmbedLoss(model, guide, { temperature: 0.5, margin: -0.05 });
  const prompts = { anchor: "a long prompt for all of the queries: " };
  const found = await newTrainer({ prompts }, { model, loss, evalDataset: pairs() }).evaluate();
  const collate = columnsCollator({
    tokenizer: { encodeBatch: (texts) => model.tokenize(texts, { prompt: "" }) },
    maxLength: "tokenizer",
    prompts,
    promptLength: (prompt) => guide.tokenizeNow([""], { prompt }).starts![0]!,
  });
  const batch = await collate(pairs().rows([0, 1, 2, 3, 4, 5, 6, 7]), { seed: 0, epoch: 0, step: 0, firstSequence: 0 });
  const { starts: _, ...whole } = batch;
  const lossOf = (of: typeof whole) => (noGrad(() => loss.forward(of)) as Tensor).item();
  const expected = await lossOf(batch);
  expect(await lossOf({ ...whole, tokens: whole.tokens.slice() })).not.toBeCloseTo(expected, 3);
  expect(found.eval_loss).toBeCloseTo(expected, 5);
});

test("prompts go before the texts of their columns", async () => {
  const model = await newModel();
  const loss = new MultipleNegativesRankingLoss(model);
  const prompted = pairs().map(({ anchor }) => ({ anchor: `query: ${anchor as string}` }));
  const plain = await newTrainer({}, { model, loss, evalDataset: prompted }).evaluate();
  const prompts = { anchor: "query: " };
  const found = await newTrainer({ prompts }, { model, loss, evalDataset: pairs() }).evaluate();
  expect(found.eval_loss).toBe(plain.eval_loss);
  const trainer = (given: object) => () => newTrainer(given, { model, loss, evalDataset: pairs() });
  expect(trainer({ prompts: { ancor: "x" } })).toThrow('prompts has "ancor", which is neither a dataset nor a column');
  expect(trainer({ prompts: 3 })).toThrow("prompts is 3. It has to be a text, or an object of texts");
  expect(trainer({ promts: "x" })).toThrow(
    "[SentenceTransformerTrainer] there is no argument promts. The nearest is prompts.",
  );
});

test("what it is given is checked", async () => {
  const model = await newModel();
  expect(() => newTrainer({}, { model, evalDatset: pairs() } as never)).toThrow(
    "there is no option evalDatset. The nearest is evalDataset.",
  );
  expect(() => newTrainer({ runName: "a" } as never, { model })).toThrow(
    "[SentenceTransformerTrainer] there is no argument runName. Reports go to outputDir; leave it out.",
  );
  const best = { evalStrategy: "epoch", saveStrategy: "epoch", loadBestModelAtEnd: true } as const;
  expect(() => newTrainer(best, { model, evaluator: triplets("dev") })).toThrow(
    '[SentenceTransformerTrainer] loadBestModelAtEnd is true and metricForBestModel not set: "loss", but an evaluation ' +
      "gives dev_cosine_accuracy. Set metricForBestModel to one of its metrics.",
  );
  expect(() => newTrainer({}, { model, trainDataset: {} })).toThrow("an object of datasets is empty");
  const labels = Dataset.fromRows([{ label: 1 }]);
  expect(() => newTrainer({}, { model, trainDataset: labels })).toThrow("of the columns label none has texts");
  const notices: string[] = [];
  const loss = new MultipleNegativesRankingLoss(model);
  const swapped = pairs().selectColumns(["positive", "anchor"]);
  const trainer = newTrainer(
    { maxSteps: 1 },
    { model, loss, trainDataset: swapped, onNotice: (text) => notices.push(text) },
  );
  await trainer.train();
  expect(notices).toEqual([expect.stringContaining('Column "anchor" is number 2')]);
});

test("labels are grouped for losses that look for triplets in a batch", async () => {
  const model = await newModel();
  const loss = new BatchHardTripletLoss(model);
  const rows = (classOf: (i: number) => number) =>
    Dataset.fromRows(PAIRS.flat().map((text, i) => ({ text, label: classOf(i) })));
  const args = { numTrainEpochs: 1, perDeviceTrainBatchSize: 4, batchSampler: "group_by_label" } as const;
  const seen: number[][] = [];
  const watched = {
    forward: (...given: Parameters<typeof loss.forward>) => {
      seen.push([...given[0].labels!.values]);
      return loss.forward(...given);
    },
  };
  await newTrainer(args, { model, loss: watched, trainDataset: rows((i) => i % 4) }).train();
  expect(seen).toHaveLength(4);
  for (const [a, b, c, d] of seen) expect([a === b, c === d, a !== c]).toEqual([true, true, true]);
  const oneClass = newTrainer(args, { model, loss, trainDataset: rows(() => 1) });
  await expect(oneClass.train()).rejects.toThrow("1 labels have two rows or more");
});

test("a collator of one's own takes the place of the rules of columns", async () => {
  const model = await newModel();
  const loss = new MultipleNegativesRankingLoss(model);
  const plain = columnsCollator({ tokenizer: model.tokenizer, maxLength: 12 });
  const upper = columnsCollator({ tokenizer: model.tokenizer, maxLength: 12, prompts: "x" });
  const evaluate = (collator?: typeof plain) =>
    newTrainer({}, { model, loss, evalDataset: pairs(), ...(collator && { collator }) }).evaluate();
  model.maxSeqLength = 12;
  expect((await evaluate(plain)).eval_loss).toBe((await evaluate()).eval_loss);
  expect((await evaluate(upper)).eval_loss).not.toBe((await evaluate()).eval_loss);
});

test("a checkpoint is a model", async () => {
  const model = await newModel();
  const outputDir = newFolder();
  const loss = new MultipleNegativesRankingLoss(model);
  const args = { maxSteps: 2, saveStrategy: "steps", saveSteps: 2, outputDir } as const;
  const trainer = newTrainer(args, { model, loss, trainDataset: pairs() });
  const { checkpoint } = await trainer.train();
  await trainer.saveModel(join(outputDir, "final"));
  for (const folder of [checkpoint!, join(outputDir, "final")]) {
    const again = await SentenceTransformer.fromPretrained(folder);
    expect(await again.encode("What do bees make?")).toEqual(await model.encode("What do bees make?"));
    again.dispose();
  }
});
