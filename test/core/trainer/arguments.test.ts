import { fillArguments, type TrainingArguments } from "@ettin/core";
import { describe, expect, test } from "vitest";

const filled = (given: Partial<TrainingArguments> = {}, evaluates?: boolean) =>
  fillArguments(given, evaluates === undefined ? {} : { evaluates });

describe("training arguments", () => {
  test("have the reference's defaults", () => {
    // facts of Hugging Face's TrainingArguments
    expect(filled()).toMatchObject({
      numTrainEpochs: 3,
      maxSteps: -1,
      perDeviceTrainBatchSize: 8,
      perDeviceEvalBatchSize: 8,
      learningRate: 5e-5,
      lrSchedulerType: "linear",
      warmupSteps: 0,
      warmupRatio: 0,
      optim: "adamw_torch",
      adamBeta1: 0.9,
      adamBeta2: 0.999,
      adamEpsilon: 1e-8,
      weightDecay: 0,
      maxGradNorm: 1,
      gradientAccumulationSteps: 1,
      fp16: false,
      bf16: false,
      evalStrategy: "no",
      saveStrategy: "steps",
      saveSteps: 500,
      loggingSteps: 500,
      loggingFirstStep: false,
      saveTotalLimit: null,
      seed: 42,
      dataSeed: null,
      dataloaderDropLast: false,
      batchSampler: "batch_sampler",
      multiDatasetBatchSampler: "proportional",
    });
  });

  test("a misspelt one is named with the nearest", () => {
    const misspelt = { learning_rate: 1e-4 } as Partial<TrainingArguments>;
    expect(() => filled(misspelt)).toThrow(
      "[TrainingArguments] there is no argument learning_rate. The nearest is learningRate.",
    );
    const swapped = { wieghtDecay: 0.1 } as Partial<TrainingArguments>;
    expect(() => filled(swapped)).toThrow("The nearest is weightDecay.");
  });

  test.each([
    ["reportTo", 'Set report, a list of reporters: ["tensorboard"], or [] for none.'],
    ["report_to", 'Set report, a list of reporters: ["tensorboard"], or [] for none.'],
    ["runName", "Reports go to outputDir; leave it out."],
    ["evaluationStrategy", "Use evalStrategy."],
    ["pushToHub", "Push the folder when the run is over, with pushToHub."],
    ["routerMapping", "There is no Router: prompts tell the columns apart."],
    ["evalDataset", "Pass it to the trainer, beside args."],
    ["batchSize", "Set perDeviceTrainBatchSize."],
    ["no_cuda", 'The model is on its device: load it with device: "cpu" or "cuda".'],
  ])("%s, which other trainers have, is refused with what stands in its place", (name, wayOut) => {
    expect(() => filled({ [name]: 1 })).toThrow(`[TrainingArguments] there is no argument ${name}. ${wayOut}`);
  });

  test("what is near to none gets no suggestion", () => {
    expect(() => filled({ colour: 1 } as object)).toThrow(
      "[TrainingArguments] there is no argument colour. TrainingArguments lists those that there are.",
    );
  });

  test("dataloaderNumWorkers is accepted, and may change", () => {
    expect(filled().dataloaderNumWorkers).toBe(0);
    expect(filled({ dataloaderNumWorkers: 4 }).dataloaderNumWorkers).toBe(4);
  });

  test.each<[Partial<TrainingArguments>, string]>([
    [{ perDeviceTrainBatchSize: 0 }, "perDeviceTrainBatchSize is 0. It has to be a whole number from 1 on."],
    [{ learningRate: Number.NaN }, "learningRate is NaN. It has to be a number from 0 on."],
    [{ adamBeta2: 1 }, "adamBeta2 is 1. It has to be a number from 0 up to, but not including, 1."],
    [{ evalStrategy: "step" as "steps" }, 'evalStrategy is "step". It has to be one of "no", "steps", "epoch".'],
    [{ maxSteps: 0 }, "maxSteps is 0. It has to be a whole number from 1 on, or -1 for none."],
    [{ saveSteps: 1.5 }, "saveSteps is 1.5. It has to be a whole number from 1 on, or a share below 1."],
    [{ batchSizeWarmup: { tokens: -1 } }, 'batchSizeWarmup is {"tokens":-1}'],
  ])("%j is refused", (given, message) => {
    expect(() => filled(given)).toThrow(`[TrainingArguments] ${message}`);
  });

  test("evaluation with nothing to evaluate is refused", () => {
    expect(() => filled({ evalStrategy: "steps" }, false)).toThrow(
      'evalStrategy is "steps" but there is no evalDataset or evaluator. Pass one, or set evalStrategy: "no".',
    );
    expect(filled({ evalStrategy: "steps" }, true).evalSteps).toBe(500);
  });

  test.each<[Partial<TrainingArguments>, string]>([
    [
      { loadBestModelAtEnd: true, evalStrategy: "epoch" },
      'loadBestModelAtEnd is true, but evalStrategy is "epoch" and saveStrategy "steps"',
    ],
    [
      { loadBestModelAtEnd: true, evalStrategy: "steps", evalSteps: 30, saveSteps: 100 },
      "saveSteps 100 is not a multiple of evalSteps 30",
    ],
    [{ loadBestModelAtEnd: true }, 'loadBestModelAtEnd is true but evalStrategy is "no"'],
    [{ saveStrategy: "best" }, 'saveStrategy is "best" but evalStrategy is "no"'],
    [{ warmupSteps: 10, warmupRatio: 0.1 }, "the warm-up is given 2 times: warmupSteps 10, warmupRatio 0.1"],
    [{ lrSchedulerType: "constant", warmupSteps: 5 }, 'lrSchedulerType is "constant", but warmupSteps is 5'],
    [{ maxTokens: 1000, warmupSteps: 5 }, 'scheduleUnit is "tokens", but warmupSteps is 5'],
    [{ warmupTokens: 5 }, 'warmupTokens is 5, but scheduleUnit is "steps"'],
    [{ scheduleUnit: "tokens" }, 'scheduleUnit is "tokens" and lrSchedulerType "linear", but maxTokens is null'],
    [{ fp16: true, bf16: true }, "fp16 and bf16 are both true. Keep one of them; fp16 runs as bf16 here."],
    [{ order: "a.txt", batchSampler: "no_duplicates" }, 'order is "a.txt", but batchSampler is "no_duplicates"'],
    [
      { order: "a.txt", multiDatasetBatchSampler: "round_robin" },
      'order is "a.txt", but multiDatasetBatchSampler is "round_robin"',
    ],
    [{ batchSizeWarmup: { tokens: 100 } }, "batchSizeWarmup is set, and numTrainEpochs 3 is the only end of the run"],
    [
      { batchSizeWarmup: { tokens: 100, from: 5 }, gradientAccumulationSteps: 4, maxSteps: 10 },
      "batchSizeWarmup goes from 5 batches to gradientAccumulationSteps 4",
    ],
  ])("%j contradict each other", (given, message) => {
    expect(() => filled(given, true)).toThrow(message);
  });

  test("the metric that chooses the best model says which way is better", () => {
    const choose = { loadBestModelAtEnd: true, evalStrategy: "steps", evalSteps: 500 } as const;
    expect(filled(choose)).toMatchObject({ metricForBestModel: "loss", greaterIsBetter: false });
    expect(filled({ ...choose, metricForBestModel: "dev_ndcg" })).toMatchObject({ greaterIsBetter: true });
  });

  test("a run in tokens has its schedule in tokens", () => {
    expect(filled({ maxTokens: 1e6 }).scheduleUnit).toBe("tokens");
    expect(filled().scheduleUnit).toBe("steps");
  });

  test("a package's own are checked like the others", () => {
    const prompts = {
      default: null,
      fits: (x: unknown) => typeof x === "string",
      expected: "a text",
      onResume: "same",
    } as const;
    const fill = (given: object) => fillArguments(given, { where: "Here", rules: { prompts } });
    expect(fill({})).toMatchObject({ prompts: null, seed: 42 });
    expect(() => fill({ prompts: 3 })).toThrow("[Here] prompts is 3. It has to be a text.");
    expect(() => fill({ promts: "a" })).toThrow("[Here] there is no argument promts. The nearest is prompts.");
  });
});
