import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Collator, Dataset, MultiDataset, Trainer } from "@ettin/core";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { collator, NextTokenLoss, newModel, newTrainer, type Row, rowsOf, type TextBatch, texts } from "./language.ts";

const folder = temporaryFolder();

type Text = { readonly text: string; readonly label?: number };
const rows: Text[] = Array.from({ length: 12 }, (_, i) => ({ text: "abcdefgh".slice(0, 2 + (i % 6)), label: i % 3 }));

/** The texts of each batch of an epoch, through a trainer. */
async function batchesOf(
  trainDataset: Dataset | MultiDataset,
  args: ConstructorParameters<typeof Trainer>[0]["args"],
): Promise<Text[][]> {
  const model = newModel();
  const batches: Text[][] = [];
  const reading: Collator<Readonly<Record<string, unknown>>, TextBatch> = (batch, at) => {
    batches.push(batch as unknown as Text[]);
    const ids = batch.map(({ text }) => ({ ids: [...(text as string)].map((letter) => letter.charCodeAt(0) - 90) }));
    return collator(ids, at);
  };
  const trainer = new Trainer({
    model,
    args: { numTrainEpochs: 1, learningRate: 0, report: [], saveStrategy: "no", perDeviceTrainBatchSize: 4, ...args },
    trainDataset,
    collator: reading,
    loss: new NextTokenLoss(model, { dropout: false }),
  });
  await trainer.train();
  model.dispose();
  return batches;
}

test("a Dataset is read in the sampler's order, each row once", async () => {
  const batches = await batchesOf(Dataset.fromRows(rows), {});
  expect(batches.map((batch) => batch.length)).toEqual([4, 4, 4]);
  expect(
    batches
      .flat()
      .map(({ text }) => text)
      .sort(),
  ).toEqual(rows.map(({ text }) => text).sort());
});

test("no_duplicates keeps a text out of a batch that has it", async () => {
  const batches = await batchesOf(Dataset.fromRows(rows), { batchSampler: "no_duplicates" });
  for (const batch of batches) expect(new Set(batch.map(({ text }) => text)).size).toBe(batch.length);
});

test("several datasets take turns, a batch from one of them", async () => {
  const parts = new MultiDataset({ a: Dataset.fromRows(rows.slice(0, 8)), b: Dataset.fromRows(rows.slice(8)) });
  const batches = await batchesOf(parts, { multiDatasetBatchSampler: "round_robin", perDeviceTrainBatchSize: 2 });
  const inA = (text: Text) => rows.slice(0, 8).some((row) => row.text === text.text && row.label === text.label);
  expect(batches).toHaveLength(4); // b has two batches, and a takes as many turns
  for (const batch of [batches[0]!, batches[2]!]) expect(batch.every(inA)).toBe(true);
});

test("order follows a file, in each epoch", async () => {
  const order = join(folder, "order.jsonl");
  await writeFile(order, "[3, 1]\n[0]\n[2, 2, 2]\n");
  const batches = await batchesOf(Dataset.fromRows(rows), { order, numTrainEpochs: 2 });
  const once = [[3, 1], [0], [2, 2, 2]];
  expect(batches.map((batch) => batch.map(({ text }) => text))).toEqual(
    [...once, ...once].map((batch) => batch.map((row) => rows[row]!.text)),
  );
  const trainer = newTrainer({ order: join(folder, "none.jsonl") });
  await expect(trainer.train()).rejects.toThrow("none.jsonl");
  trainer.model.dispose();
});

test("a sampler that compares columns needs a Dataset", async () => {
  const trainer = newTrainer({ batchSampler: "no_duplicates" });
  await expect(trainer.train()).rejects.toThrow('batchSampler is "no_duplicates", but trainDataset is no Dataset');
  trainer.model.dispose();
});

test("a collator's error ends the run with its own words", async () => {
  const failing: Collator<Row, TextBatch> = (batch, at) => {
    if (at.step === 2) throw new Error("row 7 of train.jsonl has no text");
    return collator(batch, at);
  };
  const trainer = newTrainer({ maxSteps: 5 }, { collator: failing });
  await expect(trainer.train()).rejects.toThrow("row 7 of train.jsonl has no text");
  expect(trainer.state.globalStep).toBe(2); // the steps before it were taken
  trainer.model.dispose();
});

test("an empty dataset is refused", async () => {
  const trainer = newTrainer({}, { trainDataset: rowsOf(texts(0)) });
  await expect(trainer.train()).rejects.toThrow("[train] an epoch has 0 batches of 4 rows");
  trainer.model.dispose();
  const short = newTrainer({ dataloaderDropLast: true }, { trainDataset: rowsOf(texts(3)) });
  await expect(short.train()).rejects.toThrow("or set dataloaderDropLast: false");
  short.model.dispose();
});
