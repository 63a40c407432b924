import {
  type Collator,
  defaultDevice,
  type Loss,
  linearSchedule,
  ModernBertDecoderForCausalLM,
  parameter,
  type StepReport,
  Tensor,
  type TrainerCallback,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import {
  collator,
  NextTokenLoss,
  newModel,
  newTrainer,
  type Row,
  rowsOf,
  shape,
  type TextBatch,
  texts,
  weightsOf,
} from "./language.ts";

async function stepsOf(trainer: ReturnType<typeof newTrainer>): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for await (const report of trainer.steps()) reports.push(report);
  return reports;
}

describe("training", () => {
  test("eight texts are memorised", async () => {
    const model = newModel();
    const trainer = newTrainer(
      { maxSteps: 120, learningRate: 5e-3, perDeviceTrainBatchSize: 8, lrSchedulerType: "constant" },
      { model, trainDataset: rowsOf(texts(8)), loss: new NextTokenLoss(model, { dropout: false }) },
    );
    const reports = await stepsOf(trainer);
    expect(reports[0]!.loss).toBeGreaterThan(3.5); // ln 61 = 4.11 for a model that knows nothing
    expect(reports.at(-1)!.loss).toBeLessThan(0.6); // first tokens are all that cannot be known
    model.dispose();
  });

  test("epochs, steps and rates are those of the arguments", async () => {
    const trainer = newTrainer({ numTrainEpochs: 2, gradientAccumulationSteps: 4, warmupSteps: 2, learningRate: 0.01 });
    const reports = await stepsOf(trainer);
    // 24 rows in batches of 4: 6 batches an epoch, steps of 4 and 2 batches; 4 steps in 2 epochs
    expect(reports.map(({ step, rows, endsEpoch }) => [step, rows, endsEpoch])).toEqual([
      [1, 16, false],
      [2, 8, true],
      [3, 16, false],
      [4, 8, true],
    ]);
    expect(reports.map(({ epoch }) => +epoch.toFixed(4))).toEqual([0.6667, 1, 1.6667, 2]);
    expect(reports.map(({ learningRate }) => learningRate)).toEqual([0, 0.005, 0.01, 0.005]); // 2 up, 2 down, from 0
    const { tokens } = reports.reduce((sum, { tokens }) => ({ tokens: sum.tokens + tokens }), { tokens: 0 });
    expect(tokens).toBe(2 * texts(24).reduce((sum, { ids }) => sum + ids.length, 0));
    expect(reports.at(-1)!.tokensSeen).toBe(tokens);
    trainer.model.dispose();
  });

  test("each step waits for the device once", async () => {
    const { backend } = defaultDevice();
    const download = backend.download;
    let downloads = 0;
    backend.download = (...args) => {
      downloads++;
      return download.call(backend, ...args);
    };
    try {
      const trainer = newTrainer({ maxSteps: 3, gradientAccumulationSteps: 2 });
      await stepsOf(trainer);
      trainer.model.dispose();
    } finally {
      backend.download = download;
    }
    expect(downloads).toBe(3);
  });

  test("the next step's batches are made while this one is computed", async () => {
    const order: string[] = [];
    const watching: Collator<Row, TextBatch> = (rows, at) => {
      order.push(`batch ${at.step}`);
      return collator(rows, at);
    };
    const trainer = newTrainer({ maxSteps: 3 }, { collator: watching });
    for await (const { step } of trainer.steps()) order.push(`step ${step}`);
    expect(order).toEqual(["batch 0", "batch 1", "step 1", "batch 2", "step 2", "step 3"]);
    trainer.model.dispose();
  });

  test("a step of several batches has the mean over all their targets", async () => {
    // Rows of 3 and 9 tokens, 2 and 8 targets: (2 a + 8 b) / 10
    const rows = [{ ids: [1, 2, 3] }, { ids: [4, 5, 6, 7, 8, 9, 10, 11, 12] }];
    const order = { batchesPerEpoch: 2, batches: () => [[0], [1]] };
    const losses: number[] = [];
    for (const gradientAccumulationSteps of [1, 2]) {
      const model = newModel();
      const trainer = newTrainer(
        { numTrainEpochs: 1, learningRate: 0, gradientAccumulationSteps },
        {
          model,
          trainDataset: rowsOf(rows),
          batchSampler: order,
          loss: new NextTokenLoss(model, { dropout: false }),
        },
      );
      for (const { loss } of await stepsOf(trainer)) losses.push(loss);
      model.dispose();
    }
    const [a, b, together] = losses;
    expect(together).toBeCloseTo((2 * a! + 8 * b!) / 10, 5);
  });

  test("parts of a loss are summed, logged apart and averaged", async () => {
    const model = newModel();
    const whole = new NextTokenLoss(model, { dropout: false });
    const loss: Loss<TextBatch> = {
      forward: (batch) => {
        const total = whole.forward(batch) as Tensor;
        return { most: total.mul(0.75), rest: total.mul(0.25) };
      },
    };
    const logged: Record<string, number>[] = [];
    const callback: TrainerCallback = { onLog: (_a, _s, _c, values) => void logged.push({ ...values }) };
    const trainer = newTrainer(
      { maxSteps: 4, loggingSteps: 2, learningRate: 0 },
      { model, loss, callbacks: [callback] },
    );
    const { trainLoss } = await trainer.train();
    expect(logged).toHaveLength(3); // two of two steps each, and the end
    for (const { loss, most, rest } of logged.slice(0, 2)) {
      expect(most! + rest!).toBeCloseTo(loss!, 5);
      expect(most! / rest!).toBeCloseTo(3, 4);
    }
    expect(logged[2]!.train_loss).toBe(trainLoss);
    expect(trainLoss).toBeCloseTo((logged[0]!.loss! + logged[1]!.loss!) / 2, 5);
    model.dispose();
  });

  test("callbacks are called in the order of a run, and may ask for things", async () => {
    const calls: string[] = [];
    const note = (name: string) => () => void calls.push(name);
    const callback: TrainerCallback = {
      onTrainBegin: note("begin"),
      onStepEnd: (_args, { globalStep }, control) => {
        calls.push(`step ${globalStep}`);
        if (globalStep === 1) control.shouldLog = true;
        if (globalStep === 2) control.shouldStop = true;
      },
      onEpochEnd: note("epoch"),
      onLog: note("log"),
      onTrainEnd: note("end"),
      onClose: note("close"),
    };
    const trainer = newTrainer({}, { callbacks: [callback], trainDataset: rowsOf(texts(4)) });
    expect(await trainer.train()).toMatchObject({ globalStep: 2, stopped: "callback" });
    expect(calls).toEqual(["begin", "step 1", "epoch", "log", "step 2", "epoch", "log", "end", "close"]);
    trainer.model.dispose();
  });

  test("the same seed trains to the same bits, another one does not", async () => {
    const run = async (seed: number) => {
      const trainer = newTrainer({ maxSteps: 3, seed });
      await trainer.train();
      const weights = await weightsOf(trainer.model);
      trainer.model.dispose();
      return weights;
    };
    const [one, same, other] = [await run(1), await run(1), await run(2)];
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
  });

  test("a run in tokens ends with the step that reaches them, and its schedule follows them", async () => {
    const trainer = newTrainer({ maxTokens: 100, learningRate: 1 }, { schedule: linearSchedule({ total: 100 }) });
    const reports = await stepsOf(trainer);
    let seen = 0;
    for (const { learningRate, tokens } of reports) {
      expect(learningRate).toBeCloseTo(1 - seen / 100, 12);
      seen += tokens;
    }
    expect(seen).toBeGreaterThanOrEqual(100);
    expect(seen - reports.at(-1)!.tokens).toBeLessThan(100);
    trainer.model.dispose();
  });

  test("a step's batches grow with the tokens seen", async () => {
    const trainer = newTrainer({
      maxSteps: 14,
      gradientAccumulationSteps: 3,
      perDeviceTrainBatchSize: 2,
      numTrainEpochs: 10,
      batchSizeWarmup: { tokens: 150, from: 1 },
      learningRate: 0,
    });
    const reports = await stepsOf(trainer);
    // sizes 1 and 2 share 150 tokens as 50 and 100: u = 150 / 3
    let seen = 0;
    for (const { rows, tokens, endsEpoch } of reports) {
      if (!endsEpoch) expect(rows).toBe(2 * (seen < 50 ? 1 : seen < 150 ? 2 : 3));
      seen += tokens;
    }
    expect(reports.map(({ rows }) => rows)).toEqual(expect.arrayContaining([2, 4, 6]));
    trainer.model.dispose();
  });

  test("a loss's own parameters are trained, and follow learningRateMapping", async () => {
    const scale = parameter(Tensor.from([1, 1]));
    const model = newModel();
    const inner = new NextTokenLoss(model, { dropout: false });
    const loss: Loss<TextBatch> = {
      forward: (batch) => (inner.forward(batch) as Tensor).mul(scale.sum()),
      namedParameters: new Map([["scale", scale]]),
    };
    const trainer = newTrainer(
      {
        maxSteps: 2,
        learningRate: 0,
        learningRateMapping: { "^loss\\.scale$": 0.1 },
        maxGradNorm: 0,
        adamBeta1: 0,
        adamBeta2: 0,
      },
      { model, loss },
    );
    const before = await weightsOf(model);
    await trainer.train();
    const values = await scale.data();
    expect([...values].map((x) => +x.toFixed(4))).toEqual([0.85, 0.85]); // moves by the rate: 0.1, then half of it
    expect(await weightsOf(model)).toEqual(before);
    scale.dispose();
    model.dispose();
  });

  test("gradient checkpointing is on for the run alone, and changes no bits", async () => {
    const run = async (args: Parameters<typeof newTrainer>[0]) => {
      const during: boolean[] = [];
      const model = newModel();
      const trainer = newTrainer(
        { maxSteps: 2, ...args },
        { model, callbacks: [{ onStepEnd: () => void during.push(model.gradientCheckpointing) }] },
      );
      await trainer.train();
      expect(model.gradientCheckpointing).toBe(false);
      const weights = await weightsOf(model);
      model.dispose();
      return { weights, during };
    };
    const [plain, recomputed] = [await run({}), await run({ gradientCheckpointing: true })];
    expect([plain.during, recomputed.during]).toEqual([
      [false, false],
      [true, true],
    ]);
    expect(recomputed.weights).toEqual(plain.weights);
  });

  test("a second run beside the first is refused, and leaves the first alone", async () => {
    const trainer = newTrainer({ maxSteps: 3 });
    const first = trainer.train();
    await expect(trainer.train()).rejects.toThrow("[Trainer] a run is going on already");
    expect(await first).toMatchObject({ globalStep: 3 });
    expect(await trainer.train()).toMatchObject({ globalStep: 3 }); // a new run, from the weights that the first left
    trainer.model.dispose();
  });

  test("bf16 without its instructions says so once and trains in float32", async () => {
    if (defaultDevice().backend.capabilities.bfloat16Products) return;
    const notices: string[] = [];
    const trainer = newTrainer({ maxSteps: 2, bf16: true }, { onNotice: (text) => notices.push(text) });
    await trainer.train();
    expect(notices).toEqual([
      expect.stringMatching(/^bf16 is on, but cpu .* has no bfloat16 instructions: float32 is used\.$/),
    ]);
    expect(trainer.model.computeDtype).toBe("float32");
    trainer.model.dispose();
  });

  test("bfloat16 weights are refused", async () => {
    const model = ModernBertDecoderForCausalLM.fromConfig(shape, { dtype: "bfloat16" });
    const trainer = newTrainer({ maxSteps: 1 }, { model });
    await expect(trainer.train()).rejects.toThrow(
      /is bfloat16\. Training keeps float32 weights: load the model with dtype/,
    );
    model.dispose();
  });

  test("a pattern of learningRateMapping that finds nothing is refused", async () => {
    const trainer = newTrainer({ maxSteps: 1, learningRateMapping: { classifier$: 1e-3 } });
    await expect(trainer.train()).rejects.toThrow('[learningRateMapping] "classifier$" finds none of');
    trainer.model.dispose();
  });

  test.each([
    [{ maxLearningRate: "8e-4" }, '[optimArgs] maxLearningRate is "8e-4". It has to be a number above 0.'],
    [{ maxLearningRate: 0 }, "[optimArgs] maxLearningRate is 0. It has to be a number above 0."],
    [{ decoupleLearningRate: 1 }, "[optimArgs] decoupleLearningRate is 1. It has to be true or false."],
  ])("optimArgs %j are refused", async (optimArgs, message) => {
    const trainer = newTrainer({ maxSteps: 1, optim: "stable_adamw", optimArgs: optimArgs as object });
    await expect(trainer.train()).rejects.toThrow(message);
    trainer.model.dispose();
  });

  test("a batchSampler beside an argument that chooses one is refused", async () => {
    const batchSampler = { batchesPerEpoch: 1, batches: () => [[0, 1]] };
    const chosen = [
      [{ order: "rows.txt" }, '[Trainer] a batchSampler is given, but order is "rows.txt". Keep one of them.'],
      [
        { batchSampler: "no_duplicates" },
        '[Trainer] a batchSampler is given, but args.batchSampler is "no_duplicates"',
      ],
    ] as const;
    for (const [args, message] of chosen) {
      const trainer = newTrainer({ maxSteps: 1, ...args }, { batchSampler });
      await expect(trainer.train()).rejects.toThrow(message);
      trainer.model.dispose();
    }
  });

  test("decoupled decay at a rate of 0 leaves the weights", async () => {
    const trainer = newTrainer({
      maxSteps: 3,
      optim: "stable_adamw",
      learningRate: 0,
      weightDecay: 1e-5,
      optimArgs: { decoupleLearningRate: true },
    });
    const before = await weightsOf(trainer.model);
    const { globalStep } = await trainer.train();
    expect(globalStep).toBe(3);
    expect(await weightsOf(trainer.model)).toEqual(before);
    trainer.model.dispose();
  });
});
