import { join } from "node:path";
import {
  EarlyStoppingCallback,
  type SentenceEvaluator,
  type TrainerCallback,
  type TrainingArguments,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { NextTokenLoss, newModel, newTrainer, rowsOf, texts } from "./language.ts";

const root = temporaryFolder();
const timed = /_(runtime|samples_per_second|steps_per_second)$/;
const untimed = (metrics: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(metrics).filter(([name]) => !timed.test(name)));

describe("evaluation", () => {
  test("is the mean over all targets, whatever the batch size", async () => {
    const losses: number[] = [];
    for (const perDeviceEvalBatchSize of [1, 5, 64]) {
      const trainer = newTrainer({ perDeviceEvalBatchSize }, { evalDataset: rowsOf(texts(11)) });
      const metrics = await trainer.evaluate();
      expect(Object.keys(untimed(metrics))).toEqual(["eval_loss"]);
      losses.push(metrics.eval_loss!);
      trainer.model.dispose();
    }
    expect(losses[1]).toBeCloseTo(losses[0]!, 5);
    expect(losses[2]).toBeCloseTo(losses[0]!, 5);
  });

  test("names the metrics of several datasets, of a loss's parts, and of evaluators", async () => {
    const model = newModel();
    const inner = new NextTokenLoss(model);
    const trainer = newTrainer(
      {},
      {
        model,
        loss: { forward: (batch) => ({ tokens: inner.forward(batch) }) },
        evalDataset: { dev: rowsOf(texts(4)), test: rowsOf(texts(4, 5)) },
        evaluator: [async () => ({ dev_ndcg: 0.5 }), async () => ({ eval_other: 2 })],
      },
    );
    const metrics = await trainer.evaluate();
    expect(Object.keys(untimed(metrics))).toEqual([
      "eval_dev_loss",
      "eval_dev_tokens",
      "eval_test_loss",
      "eval_test_tokens",
      "eval_dev_ndcg",
      "eval_other",
    ]);
    expect(Object.keys(metrics).filter((name) => timed.test(name))).toHaveLength(6);
    expect(metrics.eval_dev_loss).toBe(metrics.eval_dev_tokens);
    model.dispose();
  });

  test("an evaluator may be an object: it is told where the run stands, and that it is to stop", async () => {
    const seen: unknown[] = [];
    const stop = new AbortController();
    const evaluator: SentenceEvaluator = {
      name: "dev",
      primaryMetric: "dev_accuracy",
      greaterIsBetter: true,
      async evaluate(_, { signal, ...place } = {}) {
        seen.push(place);
        if (place.steps === 2) stop.abort();
        signal?.throwIfAborted();
        return { dev_accuracy: 0.5 };
      },
    };
    const outputDir = root;
    const trainer = newTrainer({ maxSteps: 4, evalStrategy: "steps", evalSteps: 1, outputDir }, { evaluator });
    const { stopped } = await trainer.train({ signal: stop.signal });
    const outputPath = join(outputDir, "eval");
    expect(seen).toEqual([
      { outputPath, epoch: 1 / 6, steps: 1 },
      { outputPath, epoch: 2 / 6, steps: 2 },
    ]);
    expect(stopped).toBe("abort");
    expect(trainer.state.logHistory.map(({ eval_dev_accuracy }) => eval_dev_accuracy)).toEqual([0.5, undefined]);
    trainer.model.dispose();
  });

  test("happens when it is due, and at the end", async () => {
    const at: number[] = [];
    const callback: TrainerCallback = { onEvaluate: (_a, { globalStep }) => void at.push(globalStep) };
    const trainer = newTrainer(
      { maxSteps: 5, evalStrategy: "steps", evalSteps: 2, evalOnStart: true },
      { evalDataset: rowsOf(texts(4)), callbacks: [callback] },
    );
    await trainer.train();
    expect(at).toEqual([0, 2, 4, 5]);
    trainer.model.dispose();
  });

  test("by epochs, after a delay", async () => {
    const at: number[] = [];
    const callback: TrainerCallback = { onEvaluate: (_a, { epoch }) => void at.push(epoch) };
    const trainer = newTrainer(
      { numTrainEpochs: 3, evalStrategy: "epoch", evalDelay: 2, perDeviceTrainBatchSize: 12 },
      { evalDataset: rowsOf(texts(4)), callbacks: [callback] },
    );
    await trainer.train();
    expect(at).toEqual([2, 3]);
    trainer.model.dispose();
  });

  test("intervals below 1 are shares of the run", async () => {
    const at: number[] = [];
    const callback: TrainerCallback = { onEvaluate: (_a, { globalStep }) => void at.push(globalStep) };
    const trainer = newTrainer(
      { maxSteps: 8, evalStrategy: "steps", evalSteps: 0.25 },
      { evalDataset: rowsOf(texts(4)), callbacks: [callback] },
    );
    await trainer.train();
    expect(at).toEqual([2, 4, 6, 8]);
    trainer.model.dispose();
  });

  test("a metric that is not there is named with those that are", async () => {
    const trainer = newTrainer(
      { maxSteps: 1, evalStrategy: "steps", evalSteps: 1, metricForBestModel: "accuracy" },
      { evaluator: async () => ({ score: 1 }) },
    );
    await expect(trainer.train()).rejects.toThrow(
      '[Trainer] metricForBestModel is "accuracy", but the evaluation gave eval_score. Name one of them.',
    );
    trainer.model.dispose();
  });
});

describe("a metric that no evaluation can give is an error before the first step", () => {
  const named = (name: string, metrics: readonly string[] | null): SentenceEvaluator<never> => ({
    name,
    primaryMetric: null,
    greaterIsBetter: true,
    metricNames: () => metrics?.map((metric) => `${name}_${metric}`) ?? null,
    evaluate: async () => ({}),
  });
  const best = {
    evalStrategy: "steps",
    saveStrategy: "steps",
    evalSteps: 1,
    saveSteps: 1,
    loadBestModelAtEnd: true,
  } as const;
  const dev = named("dev", ["ndcg", "mrr"]);
  const two = { a: rowsOf(texts(4)), b: rowsOf(texts(4)) };
  const make = (args: Partial<TrainingArguments>, options: Parameters<typeof newTrainer>[1]) => () => {
    const model = newModel();
    try {
      newTrainer({ ...best, ...args }, { ...options, model });
    } finally {
      model.dispose();
    }
  };

  test.each<[Partial<TrainingArguments>, Parameters<typeof newTrainer>[1], string]>([
    [
      {},
      { evaluator: dev },
      '[Trainer] loadBestModelAtEnd is true and metricForBestModel not set: "loss", but an evaluation gives dev_ndcg, ' +
        "dev_mrr. Set metricForBestModel to one of its metrics.",
    ],
    [{}, { evaluator: async () => ({ score: 1 }) }, '"loss", but an evaluation gives no loss. Set metricForBestModel'],
    [{ saveStrategy: "best" }, { evaluator: dev }, 'saveStrategy is "best" and metricForBestModel not set'],
    [{}, { evalDataset: two }, '"loss", but an evaluation gives a_loss, b_loss'],
    [
      { metricForBestModel: "loss" },
      { evalDataset: two },
      'metricForBestModel is "loss", but an evaluation gives a_loss',
    ],
    [
      { metricForBestModel: "eval_dev_ndgc" },
      { evaluator: [dev, named("test", ["map"])] },
      'metricForBestModel is "eval_dev_ndgc", but an evaluation gives dev_ndcg, dev_mrr, test_map. The nearest is dev_ndcg.',
    ],
  ])("%j", (args, options, message) => {
    expect(make(args, options)).toThrow(message);
  });

  test.each<[Partial<TrainingArguments>, Parameters<typeof newTrainer>[1]]>([
    [{}, { evalDataset: rowsOf(texts(4)), evaluator: dev }],
    [{ metricForBestModel: "eval_a_loss" }, { evalDataset: two }],
    [{ metricForBestModel: "a_part" }, { evalDataset: two }],
    [{ metricForBestModel: "part" }, { evalDataset: rowsOf(texts(4)) }],
    [{ metricForBestModel: "dev_ndcg" }, { evaluator: dev }],
    [{ metricForBestModel: "anything" }, { evaluator: named("dev", null) }],
    [{ metricForBestModel: "anything" }, { evaluator: async () => ({ anything: 1 }) }],
  ])("but not where one can: %j", (args, options) => {
    expect(make(args, options)).not.toThrow();
  });
});

describe("early stopping", () => {
  const run = async (scores: number[], options: ConstructorParameters<typeof EarlyStoppingCallback>[0]) => {
    const trainer = newTrainer(
      { maxSteps: scores.length, evalStrategy: "steps", evalSteps: 1, metricForBestModel: "score" },
      {
        evaluator: async (_, { step }) => ({ score: scores[step - 1]! }),
        callbacks: [new EarlyStoppingCallback(options)],
      },
    );
    const { globalStep } = await trainer.train();
    trainer.model.dispose();
    return globalStep;
  };

  test("counts evaluations without a better one", async () => {
    expect(await run([1, 2, 1, 3, 2, 2, 9], { earlyStoppingPatience: 2 })).toBe(6);
  });

  test("a gain below the threshold does not count", async () => {
    expect(await run([1, 1.05, 1.5, 9], { earlyStoppingThreshold: 0.1 })).toBe(2);
  });

  test("needs something to choose by", async () => {
    const trainer = newTrainer({ maxSteps: 1 }, { callbacks: [new EarlyStoppingCallback()] });
    await expect(trainer.train()).rejects.toThrow('metricForBestModel is null and evalStrategy "no"');
    trainer.model.dispose();
  });
});
