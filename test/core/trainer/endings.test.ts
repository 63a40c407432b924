/** How a run ends, as in the reference: its last step ends an epoch wherever it lies in one, and the best step counts. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { TrainerCallback } from "@ettin/core";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { newTrainer, rowsOf, texts } from "./language.ts";

const root = temporaryFolder();
const byEpoch = { evalStrategy: "epoch", saveStrategy: "epoch", loggingStrategy: "epoch" } as const;
const evalDataset = rowsOf(texts(2));

/** The steps of log entries that have a value of this name. */
const stepsWith = (name: string, history: readonly { step: number; [name: string]: unknown }[]) =>
  history.filter((entry) => name in entry).map(({ step }) => step);

test.each([
  ["maxSteps", { maxSteps: 8 }, [6, 8]],
  ["a share of an epoch", { numTrainEpochs: 1.5 }, [6, 9]],
])("the last step is logged, evaluated and saved where %s ends the run", async (_, args, steps) => {
  const outputDir = join(root, `${steps.at(-1)}`);
  let epochs = 0;
  const callback: TrainerCallback = { onEpochEnd: () => void epochs++ };
  const trainer = newTrainer({ ...byEpoch, ...args, outputDir }, { evalDataset, callbacks: [callback] });
  await trainer.train(); // 24 texts in batches of 4: 6 steps an epoch
  expect(stepsWith("loss", trainer.state.logHistory)).toEqual(steps);
  expect(stepsWith("eval_loss", trainer.state.logHistory)).toEqual(steps);
  expect(readdirSync(outputDir).sort()).toEqual(steps.map((step) => `checkpoint-${step}`));
  expect(epochs).toBe(2);
  trainer.model.dispose();
});

test("so is the step at which a callback ends it", async () => {
  const outputDir = join(root, "callback");
  const callback: TrainerCallback = {
    onStepEnd: (_args, { globalStep }, control) => {
      if (globalStep === 2) control.shouldStop = true;
    },
  };
  const trainer = newTrainer({ ...byEpoch, outputDir }, { evalDataset, callbacks: [callback] });
  expect(await trainer.train()).toMatchObject({ globalStep: 2, stopped: "callback" });
  expect(stepsWith("loss", trainer.state.logHistory)).toEqual([2]);
  expect(stepsWith("eval_loss", trainer.state.logHistory)).toEqual([2]);
  expect(existsSync(join(outputDir, "checkpoint-2"))).toBe(true);
  trainer.model.dispose();
});

test("a signal that ends it saves, and evaluates nothing", async () => {
  const outputDir = join(root, "signal");
  const stop = new AbortController();
  const callback: TrainerCallback = {
    onStepEnd: (_args, { globalStep }) => {
      if (globalStep === 2) stop.abort();
    },
  };
  const trainer = newTrainer({ ...byEpoch, outputDir }, { evalDataset, callbacks: [callback] });
  expect(await trainer.train({ signal: stop.signal })).toMatchObject({ globalStep: 2, stopped: "abort" });
  expect(stepsWith("eval_loss", trainer.state.logHistory)).toEqual([]);
  expect(existsSync(join(outputDir, "checkpoint-2"))).toBe(true);
  trainer.model.dispose();
});

test("the model as it came is evaluated by evalOnStart, and is not taken for the best step", async () => {
  const outputDir = join(root, "start");
  const scores = [0.9, 0.2, 0.3, 0.1]; // of step 0, 2, 4 and 6
  const evaluator = async () => ({ dev_score: scores.shift()! });
  const trainer = newTrainer(
    {
      ...{ maxSteps: 6, evalStrategy: "steps", evalSteps: 2, saveStrategy: "steps", saveSteps: 2, evalOnStart: true },
      ...{ loadBestModelAtEnd: true, metricForBestModel: "dev_score", greaterIsBetter: true, outputDir },
    },
    { evaluator },
  );
  await trainer.train();
  const { bestGlobalStep, bestMetric, bestModelCheckpoint } = trainer.state;
  expect([bestGlobalStep, bestMetric, bestModelCheckpoint]).toEqual([4, 0.3, join(outputDir, "checkpoint-4")]);
  trainer.model.dispose();
});

test("of a limit of one checkpoint the best is left at the end, and is what train() names", async () => {
  const outputDir = join(root, "limit");
  const scores = [0.2, 0.3, 0.1]; // of step 2, 4 and 6
  const kept: string[][] = [];
  const callback: TrainerCallback = { onSave: () => void kept.push(readdirSync(outputDir).sort()) };
  const trainer = newTrainer(
    {
      ...{ maxSteps: 6, evalStrategy: "steps", evalSteps: 2, saveStrategy: "steps", saveSteps: 2, saveTotalLimit: 1 },
      ...{ loadBestModelAtEnd: true, metricForBestModel: "dev_score", greaterIsBetter: true, outputDir },
    },
    { evaluator: async () => ({ dev_score: scores.shift()! }), callbacks: [callback] },
  );
  const { checkpoint } = await trainer.train();
  expect(kept).toEqual([["checkpoint-2"], ["checkpoint-4"], ["checkpoint-4", "checkpoint-6"]]); // the last one, to resume from
  expect(readdirSync(outputDir)).toEqual(["checkpoint-4"]);
  expect(checkpoint).toBe(join(outputDir, "checkpoint-4"));
  trainer.model.dispose();
});
