import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type Collator, type Loss, lastCheckpoint, type Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import {
  collator,
  NextTokenLoss,
  newModel,
  newTrainer,
  type Options,
  type Row,
  rowsOf,
  type TextBatch,
  texts,
  weightsOf,
} from "./language.ts";

const root = temporaryFolder();
let folders = 0;
const newFolder = () => join(root, `run-${folders++}`);

const args = { saveStrategy: "steps", saveSteps: 5, maxSteps: 10, loggingSteps: 100 } as const;

/** Fails at the batch of a step, counted from 1. */
const failingAt =
  (step: number): Collator<Row, TextBatch> =>
  (rows, place) => {
    if (place.step + 1 === step) throw new Error("line 31 is no JSON");
    return collator(rows, place);
  };

const SAVED = (step: number) =>
  `An error ends the run; checkpoint-${step}, its last complete step, was saved before: resume from it.`;

describe("an error that comes late", () => {
  test("of the data loses no step: the run goes on from the last to the bits of one without it", async () => {
    const [straight, broken] = [newFolder(), newFolder()];
    const whole = newTrainer({ ...args, outputDir: straight });
    await whole.train();
    const notices: string[] = [];
    const onNotice = (text: string) => notices.push(text);
    const first = newTrainer({ ...args, outputDir: broken }, { collator: failingAt(8), onNotice });
    await expect(first.train()).rejects.toThrow("line 31 is no JSON");
    expect((await readdir(broken)).sort()).toEqual(["checkpoint-5", "checkpoint-7"]);
    expect(notices).toEqual([SAVED(7)]);
    const second = newTrainer({ ...args, outputDir: broken }, { model: newModel(99) });
    expect(await second.train({ resumeFromCheckpoint: true })).toMatchObject({ globalStep: 10 });
    expect(await weightsOf(second.model)).toEqual(await weightsOf(whole.model));
    for (const { model } of [whole, first, second]) model.dispose();
  });

  test("of a metric's name keeps the step that was evaluated, and the evaluation is made up for", async () => {
    const outputDir = newFolder();
    const evaluated = { ...args, outputDir, evalStrategy: "steps", evalSteps: 5, greaterIsBetter: false } as const;
    const evaluator: Options["evaluator"] = async (_, { step }) => ({ score: step });
    const options = { evaluator, evalDataset: rowsOf(texts(4)), onNotice: () => {} };
    const first = newTrainer({ ...evaluated, metricForBestModel: "los" }, options);
    await expect(first.train()).rejects.toThrow('metricForBestModel is "los", but the evaluation gave');
    expect(await lastCheckpoint(outputDir)).toBe(join(outputDir, "checkpoint-5"));
    const second = newTrainer({ ...evaluated, metricForBestModel: "score" }, options);
    await second.train({ resumeFromCheckpoint: true });
    expect(second.state).toMatchObject({ globalStep: 10, bestMetric: 5, bestGlobalStep: 5 });
    expect(second.state.logHistory.flatMap((entry) => ("eval_score" in entry ? [entry.step] : []))).toEqual([5, 10]);
    for (const { model } of [first, second]) model.dispose();
  });

  test("of an evaluator keeps the step", async () => {
    const outputDir = newFolder();
    const evaluator = async () => {
      throw new Error("no answers");
    };
    const options = { evaluator, onNotice: () => {} };
    const trainer = newTrainer({ ...args, outputDir, evalStrategy: "steps", evalSteps: 3 }, options);
    await expect(trainer.train()).rejects.toThrow("no answers");
    expect(await readdir(outputDir)).toEqual(["checkpoint-3"]);
    trainer.model.dispose();
  });

  test("of the loss keeps the step: nothing of the next one has reached the weights", async () => {
    const outputDir = newFolder();
    const model = newModel();
    const inner = new NextTokenLoss(model);
    let calls = 0;
    const loss: Loss<TextBatch> = {
      forward: (batch, pass) => {
        if (++calls === 4) throw new Error("a label is 7, there are 3");
        return inner.forward(batch, pass);
      },
    };
    const trainer = newTrainer({ ...args, outputDir }, { model, loss, onNotice: () => {} });
    await expect(trainer.train()).rejects.toThrow("a label is 7");
    expect(await readdir(outputDir)).toEqual(["checkpoint-3"]);
    model.dispose();
  });

  test("saves nothing with saveStrategy no, after a loss that is not finite, or where no step was taken", async () => {
    const outputDir = newFolder();
    const none = newTrainer({ ...args, outputDir, saveStrategy: "no" }, { collator: failingAt(3) });
    await expect(none.train()).rejects.toThrow("line 31 is no JSON");
    const early = newTrainer({ ...args, outputDir }, { collator: failingAt(1) });
    await expect(early.train()).rejects.toThrow("line 31 is no JSON");
    const model = newModel();
    const inner = new NextTokenLoss(model);
    let calls = 0;
    const bad: Loss<TextBatch> = {
      forward: (batch, pass) => (inner.forward(batch, pass) as Tensor).mul(++calls === 3 ? Number.NaN : 1),
    };
    const infinite = newTrainer({ ...args, outputDir }, { model, loss: bad });
    await expect(infinite.train()).rejects.toThrow("The weights are unharmed");
    expect(await lastCheckpoint(outputDir)).toBeNull();
    for (const trainer of [none, early, infinite]) trainer.model.dispose();
  });

  test("of a save is not followed by another", async () => {
    const outputDir = newFolder();
    const model = newModel();
    let saves = 0;
    model.savePretrained = async () => {
      saves++;
      throw Object.assign(new Error("no space left on device, write"), { code: "ENOSPC" });
    };
    const trainer = newTrainer({ ...args, outputDir }, { model });
    await expect(trainer.train()).rejects.toThrow("the disk is full");
    expect(saves).toBe(1);
    model.dispose();
  });

  test("where the checkpoint cannot be saved either is the one that is thrown", async () => {
    const outputDir = newFolder();
    const model = newModel();
    model.savePretrained = async () => {
      throw Object.assign(new Error("no space left on device, write"), { code: "ENOSPC" });
    };
    const notices: string[] = [];
    const options = { model, collator: failingAt(3), onNotice: (text: string) => notices.push(text) };
    const trainer = newTrainer({ ...args, outputDir }, options);
    await expect(trainer.train()).rejects.toThrow("line 31 is no JSON");
    expect(notices).toEqual([
      expect.stringMatching(/^An error ends the run, and checkpoint-2 could not be saved: .* the disk is full/),
    ]);
    model.dispose();
  });
});
