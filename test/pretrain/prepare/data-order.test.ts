import { cpSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadDataset } from "@ettin/core";
import {
  checkpointTokens,
  DataOrderWriter,
  dataOrderFiles,
  objectiveCollator,
  readRevision,
  recordDataOrder,
  stepAfterTokens,
} from "@ettin/pretrain";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { tokenizer } from "../token-ids.ts";

const root = temporaryFolder();
let made = 0;
const newFolder = (): string => join(root, String(made++));

/** Two sequences of each step. */
const sequences = (step: number) => [Int32Array.of(50281, step), [step + 1, step + 2, 50282]];

async function add(order: DataOrderWriter, first: number, last: number): Promise<void> {
  for (let step = first; step <= last; step++) await order.add(step, sequences(step));
}

async function rowsOf(folder: string, phase = "pretraining") {
  const files = await dataOrderFiles(folder, phase);
  const rows: { step: number; input_ids: number[] }[] = [];
  for (const file of files) {
    const dataset = await loadDataset(file, { split: "train" });
    for (const row of dataset)
      rows.push({ step: row.step as number, input_ids: Array.from(row.input_ids as number[]) });
  }
  return rows;
}
const expected = (last: number) =>
  Array.from({ length: last }, (_, i) => i + 1).flatMap((step) =>
    sequences(step).map((ids) => ({ step, input_ids: Array.from(ids) })),
  );
const names = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.includes("/"))
    .sort();

describe("DataOrderWriter", () => {
  test("writes a folder for each checkpoint and so many steps to a file", async () => {
    const folder = newFolder();
    const order = await DataOrderWriter.open(folder, { phase: "pretraining", stepsPerFile: 3 });
    await add(order, 1, 5);
    await order.endCheckpoint();
    await add(order, 6, 8);
    await order.endCheckpoint();
    await add(order, 9, 9);
    await order.close();
    expect(names(folder)).toEqual([
      "checkpoint_000001/steps_000001_to_000003.parquet",
      "checkpoint_000001/steps_000004_to_000005.parquet",
      "checkpoint_000002/steps_000006_to_000008.parquet",
      "checkpoint_000003/steps_000009_to_000009.parquet",
    ]);
    expect(await rowsOf(folder)).toEqual(expected(9));
  });

  test.each([
    ["extension", "ext_000001"],
    ["decay", "decay_000001"],
  ])("%s begins at step 1 in %s", async (phase, name) => {
    const folder = newFolder();
    const order = await DataOrderWriter.open(folder, { phase });
    await add(order, 1, 2);
    await order.close();
    expect(names(folder)).toEqual([`${name}/steps_000001_to_000002.parquet`]);
    expect(await rowsOf(folder, phase)).toEqual(expected(2));
  });

  test("goes on after any step that was added, wherever it was killed", async () => {
    const folder = newFolder();
    const order = await DataOrderWriter.open(folder, { phase: "pretraining", stepsPerFile: 4 });
    for (let step = 1; step <= 6; step++) {
      await order.add(step, sequences(step));
      const killed = newFolder();
      cpSync(folder, killed, { recursive: true });
      writeFileSync(join(killed, "checkpoint_000001", ".steps_000001_to_000004.parquet.partial"), "half");
      const lastStep = step === 5 ? 4 : step; // the checkpoint may be older than the last step
      const next = await DataOrderWriter.open(killed, { phase: "pretraining", stepsPerFile: 4, lastStep });
      await add(next, lastStep + 1, 10);
      await next.close();
      expect(await rowsOf(killed)).toEqual(expected(10));
      expect(names(killed).some((name) => name.includes("/."))).toBe(false);
      expect(existsSync(join(killed, "checkpoint_000002"))).toBe(true);
    }
    await order.close();
  });

  test("a new run removes what an earlier one left", async () => {
    const folder = newFolder();
    const first = await DataOrderWriter.open(folder, { phase: "pretraining", stepsPerFile: 2 });
    await add(first, 1, 5);
    await first.close();
    const second = await DataOrderWriter.open(folder, { phase: "pretraining" });
    await add(second, 1, 1);
    await second.close();
    expect(names(folder)).toEqual(["checkpoint_000001/steps_000001_to_000001.parquet"]);
  });

  test("refuses steps that are missing, and files that go over the step", async () => {
    const folder = newFolder();
    const order = await DataOrderWriter.open(folder, { phase: "pretraining" });
    await expect(order.add(2, [])).rejects.toThrow("step 2 comes after step 0");
    await add(order, 1, 3);
    await order.close();
    const open = (lastStep: number) => DataOrderWriter.open(folder, { phase: "pretraining", lastStep });
    await expect(open(5)).rejects.toThrow("ends at step 3, but the run goes on after step 5");
    await expect(open(2)).rejects.toThrow("steps_000001_to_000003.parquet goes over step 2");
    await expect(DataOrderWriter.open(folder, { phase: "../x" })).rejects.toThrow('phase is "../x"');
    await expect((await open(3)).add(4, [[0.5]])).resolves.toBeUndefined(); // whole numbers are the caller's
  });
});

describe("a recorded collator and its callback", () => {
  const call = (order: ReturnType<typeof recordDataOrder>, hook: "onTrainBegin" | "onStepEnd" | "onSave" | "onClose") =>
    (order.callback[hook] as (...args: unknown[]) => Promise<void>)(
      {},
      { globalStep: hook === "onTrainBegin" ? 0 : 1 },
      {},
      null,
    );
  const place = (step: number) => ({ seed: 0, epoch: 0, step, firstSequence: 0 });

  test.each([
    ["mlm", [1, 7, 8, 2]],
    ["mntp", [1, 7, 8, 2]],
    ["clm", [1, 7, 8]],
  ] as const)(
    "write the sequences of finished steps alone, as %s has them before masking",
    async (objective, first) => {
      const folder = newFolder();
      const order = recordDataOrder(folder, { phase: "pretraining" });
      const options = { tokenizer, maxSeqLen: 5, probability: 0.9, rule: "packed" } as const;
      const collator = order.collator(objectiveCollator(objective, options));
      await call(order, "onTrainBegin");
      const task = await collator([{ input_ids: [7, 8] }], place(0)); // without its special tokens
      expect(Array.from(task.unmasked ?? task.tokens)).toEqual(first);
      await collator([{ ids: [1, 5, 6, 7, 8, 9, 10, 2] }, { input_ids: [1, 5, 2] }], place(0)); // two batches make the step
      await collator([{ input_ids: [4] }], place(1)); // made ahead
      for (const hook of ["onStepEnd", "onSave", "onClose"] as const) await call(order, hook);
      expect(await rowsOf(folder)).toEqual([
        { step: 1, input_ids: first },
        { step: 1, input_ids: objective === "clm" ? [1, 5, 6, 7, 8] : [1, 5, 6, 7, 2] }, // cut to 5
        { step: 1, input_ids: [1, 5, 2] },
      ]);
    },
  );
});

describe("checkpoints", () => {
  test("lie every 8.5e9 tokens and at the end of a phase: 200, 30 and 6", () => {
    expect([1.7e12, 250e9, 50e9].map((total) => checkpointTokens(total, 8.5e9).length)).toEqual([200, 30, 6]);
    expect(checkpointTokens(50e9, 8.5e9).slice(-2)).toEqual([42.5e9, 50e9]);
    expect(() => checkpointTokens(1, 0)).toThrow("a checkpoint every 0");
  });

  test("come at the steps of the published revisions", () => {
    // 2,997.62 steps for 8.5e9 tokens: 2.83558e6 tokens in a step
    const steps = [197, 199, 200].map((k) => stepAfterTokens(k * 8.5e9, 8.5e9 / 2997.62));
    expect(steps.map((step, i) => Math.abs(step - [590532, 596528, 599525][i]!) <= 2)).toEqual([true, true, true]);
    expect(readRevision("step590532")).toEqual({ revision: "step", step: 590532 });
    expect([readRevision("ext10")?.revision, readRevision("main"), readRevision("step")]).toEqual(["ext", null, null]);
  });
});
