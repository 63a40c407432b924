import { spawn } from "node:child_process";
import { join } from "node:path";
import { type Loss, NonFiniteLossError, type Tensor } from "@ettin/core";
import { describe, expect, test } from "vitest";
import { runChild } from "../../support/child.ts";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";
import { NextTokenLoss, newModel, newTrainer, type TextBatch, weightsOf } from "./language.ts";

const root = temporaryFolder();
const listeners = () => process.listenerCount("SIGINT") + process.listenerCount("SIGTERM");

describe("a stopped run", () => {
  test.each(["SIGTERM", "SIGINT"] as const)("on %s finishes the step, saves, and resolves", async (signal) => {
    const outputDir = join(root, signal);
    const before = listeners();
    const callback = {
      onStepEnd(_args: unknown, { globalStep }: { globalStep: number }) {
        expect(listeners()).toBe(before + 2);
        if (globalStep === 2) process.emit(signal, signal);
      },
    };
    const trainer = newTrainer({ outputDir, maxSteps: 9, saveStrategy: "steps" }, { callbacks: [callback] });
    expect(await trainer.train()).toMatchObject({
      stopped: signal,
      globalStep: 2,
      checkpoint: join(outputDir, "checkpoint-2"),
    });
    expect(listeners()).toBe(before);
    trainer.model.dispose();
  });

  test("an evaluation that a stop cut off is made up for when it is resumed", async () => {
    const outputDir = join(root, "owed");
    const abort = new AbortController();
    const evaluated: number[] = [];
    const evaluator = async (_: unknown, { step }: { step: number }) => {
      evaluated.push(step);
      return { score: step };
    };
    const args = {
      outputDir,
      maxSteps: 4,
      evalStrategy: "steps",
      evalSteps: 2,
      saveStrategy: "steps",
      saveSteps: 2,
    } as const;
    const first = newTrainer(
      { ...args, loadBestModelAtEnd: true, metricForBestModel: "score" },
      { evaluator, callbacks: [{ onStepEnd: (_a, { globalStep }) => void (globalStep === 2 && abort.abort()) }] },
    );
    expect(await first.train({ signal: abort.signal })).toMatchObject({ stopped: "abort", globalStep: 2 });
    expect(evaluated).toEqual([]);
    const second = newTrainer({ ...args, loadBestModelAtEnd: true, metricForBestModel: "score" }, { evaluator });
    await second.train({ resumeFromCheckpoint: true });
    expect(evaluated).toEqual([2, 4]);
    for (const { model } of [first, second]) model.dispose();
  });

  test("with handleSignals: false no handlers are installed", async () => {
    const before = listeners();
    const trainer = newTrainer(
      { maxSteps: 1, handleSignals: false },
      { callbacks: [{ onStepEnd: () => expect(listeners()).toBe(before) }] },
    );
    await trainer.train();
    trainer.model.dispose();
  });

  test("a signal aborted beforehand trains nothing", async () => {
    const trainer = newTrainer({ maxSteps: 3 });
    expect(await trainer.train({ signal: AbortSignal.abort() })).toMatchObject({ stopped: "abort", globalStep: 0 });
    trainer.model.dispose();
  });

  test("a second signal ends the process at once", async () => {
    const { code } = await runChild(`
      const { watchForStop } = await import("./packages/core/src/trainer/stop-request.ts");
      const stop = watchForStop({ signals: true });
      process.kill(process.pid, "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 50));
      console.log(stop.reason);
      process.kill(process.pid, "SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 5000));
      process.exit(7);
    `);
    expect(code).toBeNull(); // ended by the signal
  });

  test.skipIf(process.platform === "win32")(
    "a process that is told to end leaves a checkpoint to go on from",
    async () => {
      const outputDir = join(root, "process");
      const run = ["--import", "./scripts/typescript.mjs", "scripts/killable-run.ts", outputDir, "100000"];
      const child = spawn(process.execPath, run, { cwd: ROOT });
      let told = false;
      const { lastCheckpoint } = await import("@ettin/core");
      const watch = setInterval(async () => {
        if ((await lastCheckpoint(outputDir)) === null || told) return;
        told = true;
        child.kill("SIGTERM");
      }, 5);
      const code = await new Promise((resolve) => child.on("close", resolve));
      clearInterval(watch);
      expect(code).toBe(0); // train() resolved, and the program came to its end
      expect(await lastCheckpoint(outputDir)).not.toBeNull();
    },
  );
});

describe("a loss that is not finite", () => {
  test.each([
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
  ])("%s stops the run with step and rows, and leaves the weights as they were", async (name, bad) => {
    const model = newModel();
    const inner = new NextTokenLoss(model);
    let calls = 0;
    const loss: Loss<TextBatch> = {
      forward: (batch, pass) => (inner.forward(batch, pass) as Tensor).mul(++calls === 3 ? bad : 1),
    };
    const order = {
      batchesPerEpoch: 4,
      batches: () => [
        [0, 1],
        [2, 3],
        [4, 5],
        [6, 7],
      ],
    };
    const trainer = newTrainer({ maxSteps: 4 }, { model, loss, batchSampler: order });
    let before = {};
    const watching = (async () => {
      for await (const { step } of trainer.steps()) if (step === 2) before = await weightsOf(model);
    })();
    const error = await watching.then(
      () => null,
      (e) => e,
    );
    expect(error).toBeInstanceOf(NonFiniteLossError);
    expect(error).toMatchObject({ step: 3, rows: [4, 5] });
    expect(error.message).toMatch(
      new RegExp(
        `^\\[train\\] step 3 has loss ${name} and gradient norm .*, over the 2 rows 4, 5\\. The weights are unharmed\\.`,
      ),
    );
    expect(await weightsOf(model)).toEqual(before);
    model.dispose();
  });

  test("says so where the weights had such values already", async () => {
    const model = newModel();
    const trainer = newTrainer({ maxSteps: 5, learningRate: 3e38, maxGradNorm: 0 }, { model });
    const error = await trainer.train().catch((e) => e);
    expect(error).toBeInstanceOf(NonFiniteLossError);
    expect(error.message).toMatch(
      / has values that are not finite, from a step before or from the start: lower learning/,
    );
    expect(error.message).not.toContain("unharmed");
    const weights = await weightsOf(model);
    expect(Object.values(weights).some((values) => !values.every(Number.isFinite))).toBe(true);
    model.dispose();
  });

  test("with finite gradients does not reach the weights either", async () => {
    const model = newModel();
    const inner = new NextTokenLoss(model, { dropout: false });
    const loss: Loss<TextBatch> = {
      forward: (batch) => (inner.forward(batch) as Tensor).add(Number.POSITIVE_INFINITY),
    };
    const before = await weightsOf(model);
    const trainer = newTrainer({ maxSteps: 1 }, { model, loss });
    await expect(trainer.train()).rejects.toThrow("step 1 has loss Infinity");
    expect(await weightsOf(model)).toEqual(before);
    model.dispose();
  });
});
