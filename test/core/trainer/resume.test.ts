import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  EarlyStoppingCallback,
  type Loss,
  lastCheckpoint,
  openWeights,
  parameter,
  Tensor,
  type TrainerCallback,
  type TrainingArguments,
} from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import {
  NextTokenLoss,
  newModel,
  newTrainer,
  type Options,
  rowsOf,
  type TextBatch,
  texts,
  weightsOf,
} from "./language.ts";

const root = temporaryFolder();
let folders = 0;
const newFolder = () => join(root, `run-${folders++}`);

const args: Partial<TrainingArguments> = {
  maxSteps: 6,
  gradientAccumulationSteps: 2,
  perDeviceTrainBatchSize: 3,
  warmupSteps: 2,
  saveStrategy: "steps",
  saveSteps: 3,
  loggingSteps: 2,
  weightDecay: 0.1,
};

const bytesOf = (folder: string, file: string) => readFile(join(folder, file));

/** All that a checkpoint holds, but for times. */
async function contentOf(folder: string) {
  const [model, optimizer, state] = await Promise.all(
    ["model.safetensors", "optimizer.safetensors", "trainer_state.json"].map((file) => bytesOf(folder, file)),
  );
  return { model: model!.toString("hex"), optimizer: optimizer!.toString("hex"), state: JSON.parse(state!.toString()) };
}

describe("a resumed run", () => {
  test.each(["adamw_torch", "stable_adamw"] as const)(
    "ends with the bits of one that never stopped: %s",
    async (optim) => {
      const [straight, stopped] = [newFolder(), newFolder()];
      const whole = newTrainer({ ...args, optim, outputDir: straight });
      await whole.train();

      const first = newTrainer({ ...args, optim, outputDir: stopped });
      const abort = new AbortController();
      for await (const { step } of first.steps({ signal: abort.signal })) {
        if (step === 3) abort.abort();
        if (step === 3) await first.saveCheckpoint();
      }
      const second = newTrainer({ ...args, optim, outputDir: stopped }, { model: newModel(99) });
      const summary = await second.train({ resumeFromCheckpoint: true });
      expect(summary.globalStep).toBe(6);
      expect(await weightsOf(second.model)).toEqual(await weightsOf(whole.model));
      const [a, b] = [await contentOf(join(straight, "checkpoint-6")), await contentOf(join(stopped, "checkpoint-6"))];
      expect(b.model).toBe(a.model);
      expect(b.optimizer).toBe(a.optimizer);
      expect({ ...b.state, log_history: [] }).toEqual({ ...a.state, log_history: [] });
      for (const { model } of [whole, first, second]) model.dispose();
    },
  );

  test("from an earlier checkpoint keeps what it saves, and sets the later ones aside", async () => {
    const outputDir = newFolder();
    const first = newTrainer({ ...args, saveSteps: 2, outputDir });
    await first.train();
    const end = await contentOf(join(outputDir, "checkpoint-6"));
    const notices: string[] = [];
    const seen: string[][] = [];
    const again = newTrainer(
      { ...args, saveSteps: 1, saveTotalLimit: 1, outputDir },
      {
        onNotice: (text) => notices.push(text),
        callbacks: [{ onSave: async () => void seen.push((await readdir(outputDir)).sort()) }],
      },
    );
    await again.train({ resumeFromCheckpoint: join(outputDir, "checkpoint-2") });
    const aside = ["checkpoint-4.left", "checkpoint-6.left"];
    expect(seen).toEqual([3, 4, 5, 6].map((step) => [`checkpoint-${step}`, ...aside].sort()));
    expect(notices).toEqual([
      `The run goes on from checkpoint-2: later checkpoints of ${outputDir} are kept as checkpoint-4.left, ` +
        "checkpoint-6.left, beside its own; remove them when they are not needed.",
    ]);
    expect((await contentOf(join(outputDir, "checkpoint-6.left"))).model).toBe(end.model);
    expect((await contentOf(join(outputDir, "checkpoint-6"))).model).toBe(end.model);
    // Once more: names that are taken get a number.
    const third = newTrainer({ ...args, saveSteps: 1, outputDir }, { onNotice: () => {} });
    await cp(join(outputDir, "checkpoint-6"), join(outputDir, "checkpoint-7"), { recursive: true });
    await mkdir(join(outputDir, "checkpoint-7.left"));
    await third.train({ resumeFromCheckpoint: join(outputDir, "checkpoint-6") });
    expect(await readdir(outputDir)).toContain("checkpoint-7.left-2");
    for (const { model } of [first, again, third]) model.dispose();
  });

  test("in tokens, with growing batches and micro-batches, too", async () => {
    const inTokens = {
      ...args,
      maxSteps: -1,
      warmupSteps: 0,
      maxTokens: 400,
      warmupTokens: 50,
      batchSizeWarmup: { tokens: 200 },
      maxTokensPerMicroBatch: 25,
      lrSchedulerType: "warmup_stable_decay",
      lrSchedulerKwargs: { numDecayTokens: 150, decayType: "1-sqrt" },
      optim: "stable_adamw",
    } as const;
    const [straight, stopped] = [newFolder(), newFolder()];
    const whole = newTrainer({ ...inTokens, outputDir: straight });
    const { globalStep } = await whole.train();
    expect(globalStep).toBeGreaterThan(7);
    const abort = new AbortController();
    const stop: TrainerCallback = { onStepEnd: (_a, state) => void (state.globalStep === 5 && abort.abort()) };
    const first = newTrainer({ ...inTokens, outputDir: stopped }, { callbacks: [stop] });
    expect(await first.train({ signal: abort.signal })).toMatchObject({ stopped: "abort", globalStep: 5 });
    const second = newTrainer({ ...inTokens, outputDir: stopped }, { model: newModel(99) });
    await second.train({ resumeFromCheckpoint: true });
    const last = `checkpoint-${globalStep}`;
    const [a, b] = [await contentOf(join(straight, last)), await contentOf(join(stopped, last))];
    expect(b.model).toBe(a.model);
    expect(b.optimizer).toBe(a.optimizer);
    for (const { model } of [whole, first, second]) model.dispose();
  });

  test("logs what the uninterrupted run logs", async () => {
    const straight = newTrainer({ ...args, outputDir: newFolder() });
    await straight.train();
    const outputDir = newFolder();
    const first = newTrainer({ ...args, outputDir });
    const control = new AbortController();
    const stop = {
      onStepEnd: (_a: unknown, { globalStep }: { globalStep: number }) => void (globalStep === 3 && control.abort()),
    };
    const stopping = newTrainer({ ...args, outputDir }, { model: first.model, callbacks: [stop] });
    expect(await stopping.train({ signal: control.signal })).toMatchObject({ stopped: "abort", globalStep: 3 });
    const second = newTrainer({ ...args, outputDir });
    const { trainLoss } = await second.train({ resumeFromCheckpoint: true });
    const losses = (trainer: typeof second) => trainer.state.logHistory.filter(({ loss }) => loss !== undefined);
    expect(losses(second)).toEqual(losses(straight));
    expect(losses(second).map(({ step }) => step)).toEqual([2, 4, 6]);
    expect(trainLoss).toBe(straight.state.logHistory.at(-1)!.train_loss);
    for (const { model } of [straight, first, second]) model.dispose();
  });

  test("takes over the loss's own parameters", async () => {
    const outputDir = newFolder();
    const build = (start: number) => {
      const model = newModel();
      const scale = parameter(Tensor.from([start]));
      const inner = new NextTokenLoss(model, { dropout: false });
      const loss: Loss<TextBatch> = {
        forward: (batch) => (inner.forward(batch) as Tensor).mul(scale.reshape([])),
        namedParameters: new Map([["scale", scale]]),
      };
      return { model, scale, loss };
    };
    const one = build(1);
    await newTrainer({ ...args, outputDir, maxSteps: 3 }, one).train();
    const stored = (await openWeights(join(outputDir, "checkpoint-3"))).size;
    expect(stored).toBeGreaterThan(10); // the model's own, without the loss's
    const two = build(7);
    const resumed = newTrainer({ ...args, outputDir, maxSteps: 3 }, two);
    await resumed.train({ resumeFromCheckpoint: true });
    expect(await two.scale.data()).toEqual(await one.scale.data());
    for (const { model, scale } of [one, two]) {
      scale.dispose();
      model.dispose();
    }
  });

  test("keeps what callbacks counted", async () => {
    const outputDir = newFolder();
    const run = async (resumeFromCheckpoint: boolean, maxSteps: number) => {
      const callbacks = [new EarlyStoppingCallback({ earlyStoppingPatience: 3 })];
      const evalDataset = rowsOf(texts(4, 2));
      // The rate is 0: no evaluation is better than the first.
      const trainer = newTrainer(
        {
          ...args,
          outputDir,
          maxSteps,
          learningRate: 0,
          evalStrategy: "steps",
          evalSteps: 1,
          saveSteps: 1,
          metricForBestModel: "loss",
        },
        { callbacks, evalDataset, onNotice: () => {} },
      );
      const summary = await trainer.train({ resumeFromCheckpoint });
      trainer.model.dispose();
      return summary;
    };
    expect(await run(false, 3)).toMatchObject({ globalStep: 3 }); // the second and third were not better
    expect(await run(true, 9)).toMatchObject({ globalStep: 4, stopped: "callback" });
  });
});

describe("resuming is refused", () => {
  const outputDir = newFolder();
  const made = (async () => {
    const trainer = newTrainer({ ...args, outputDir, maxSteps: 3 });
    await trainer.train();
    trainer.model.dispose();
  })();
  const resume = async (changes: Partial<TrainingArguments>, options: Partial<Options> = {}) => {
    await made;
    const trainer = newTrainer({ ...args, outputDir, maxSteps: 3, ...changes }, options);
    try {
      return await trainer.train({ resumeFromCheckpoint: true });
    } finally {
      trainer.model.dispose();
    }
  };

  test("with other arguments, naming them with both values", async () => {
    await expect(resume({ learningRate: 0.5, seed: 7 })).rejects.toThrow(
      "was made with other arguments: learningRate is 0.5, was 0.001; seed is 7, was 42. Resume with those of the run",
    );
  });

  test("with a shorter run; a longer one goes on", async () => {
    await expect(resume({ maxSteps: 2 })).rejects.toThrow("maxSteps is 2, was 3");
    const notices: string[] = [];
    const options = { onNotice: (text: string) => void notices.push(text) };
    expect(await resume({ maxSteps: 4, loggingSteps: 1, saveStrategy: "no" }, options)).toMatchObject({
      globalStep: 4,
    });
    expect(notices).toEqual([expect.stringContaining("The run has 4 steps in place of 3")]);
  });

  test("with another dataset", async () => {
    await expect(resume({}, { trainDataset: rowsOf(texts(24, 1), "other rows") })).rejects.toThrow(
      "was made with another dataset: rows 24, now other rows",
    );
  });

  test("with another loss", async () => {
    const scale = parameter(Tensor.from([1]));
    const model = newModel();
    const loss: Loss<TextBatch> = {
      ...new NextTokenLoss(model),
      forward: () => scale.sum(),
      namedParameters: new Map([["scale", scale]]),
    };
    await expect(resume({}, { model, loss })).rejects.toThrow(/loss\.safetensors/);
    scale.dispose();
  });

  test("where there is no checkpoint", async () => {
    const trainer = newTrainer({ ...args, outputDir: newFolder() });
    await expect(trainer.train({ resumeFromCheckpoint: true })).rejects.toThrow(
      /resumeFromCheckpoint is true, but .* has no complete checkpoint/,
    );
    await expect(trainer.train({ resumeFromCheckpoint: "/nowhere" })).rejects.toThrow(
      "/nowhere, which is not a folder",
    );
    trainer.model.dispose();
  });

  test("and a new run does not write over an earlier one's checkpoints", async () => {
    await made;
    const trainer = newTrainer({ ...args, outputDir });
    await expect(trainer.train()).rejects.toThrow(
      /has checkpoint-3 of an earlier run\. Go on with resumeFromCheckpoint: true/,
    );
    trainer.model.dispose();
  });
});

test("from a checkpoint of Python the weights are loaded and the rest starts fresh", async () => {
  const python = join(newFolder(), "checkpoint-500");
  await mkdir(python, { recursive: true });
  const model = newModel(7);
  await model.savePretrained(python);
  await writeFile(
    join(python, "trainer_state.json"),
    JSON.stringify({ global_step: 500, epoch: 1.5, log_history: [] }),
  );
  for (const pickle of ["optimizer.pt", "scheduler.pt", "training_args.bin"])
    await writeFile(join(python, pickle), "\x80");
  const notices: string[] = [];
  const trainer = newTrainer(
    { ...args, maxSteps: 1, outputDir: newFolder(), learningRate: 0 },
    { onNotice: (text) => void notices.push(text) },
  );
  expect(await trainer.train({ resumeFromCheckpoint: python })).toMatchObject({ globalStep: 1 });
  expect(await weightsOf(trainer.model)).toEqual(await weightsOf(model));
  expect(notices).toEqual([expect.stringContaining("was written by another library: its weights are loaded.")]);

  const mixing = newTrainer({ ...args, outputDir: join(python, "..") }, { model: trainer.model });
  await expect(mixing.train({ resumeFromCheckpoint: true })).rejects.toThrow("with an outputDir of its own");
  trainer.model.dispose();
  model.dispose();
});

test("a next phase begins with the optimizer's means of the last, and rates of its own", async () => {
  const outputDir = newFolder();
  const first = newTrainer({ ...args, outputDir, maxSteps: 3 });
  await first.train();
  const next = newTrainer({ ...args, outputDir: newFolder(), maxSteps: 1, learningRate: 0 }, { model: first.model });
  for await (const { learningRate } of next.steps({ optimizerFrom: (await lastCheckpoint(outputDir))! })) {
    expect(learningRate).toBe(0);
    const { state, groups } = next.optimizer!.stateDict();
    expect(new Set(state.map((of) => of!.step))).toEqual(new Set([4]));
    expect(groups.map((group) => group.learningRate)).toEqual([0, 0]);
  }
  first.model.dispose();
});
