import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  type Columns,
  cosSim,
  crossEntropy,
  encodeColumns,
  type Loss,
  type LossPass,
  Tensor,
  Trainer,
} from "@ettin/core";
import { Dense, Normalize, Pooling, SentenceTransformer, Transformer } from "@ettin/dense";
import { expect, test } from "vitest";
import { DENSE, disposed, openModel } from "../../support/dense-fixture.ts";
import { temporaryFolder } from "../../support/folder.ts";

const [outputDir, resumedDir] = [temporaryFolder(), temporaryFolder()];
const WORDS = ["rain", "sun", "car", "stadium", "book", "river", "bread", "music"];
const pairs = WORDS.map((word) => ({ anchor: `about ${word}`, positive: `${word}s and more of ${word}` }));

async function modelToTrain(): Promise<SentenceTransformer> {
  const modules = [
    await Transformer.fromPretrained(join(DENSE, "model")),
    new Pooling({ embeddingDimension: 16 }),
    new Dense({ inFeatures: 16, outFeatures: 12, seed: 1 }),
    new Normalize(),
  ];
  return disposed(new SentenceTransformer({ modules }));
}

class InBatch implements Loss<Columns> {
  readonly model: SentenceTransformer;
  constructor(model: SentenceTransformer) {
    this.model = model;
  }
  readonly forward = (batch: Columns, pass?: LossPass): Tensor => {
    const [anchors, positives] = encodeColumns(this.model, batch, pass);
    const targets = Tensor.from(Int32Array.from(WORDS, (_, i) => i));
    return crossEntropy(cosSim(anchors!, positives!).mul(20), targets);
  };
}

function trainer(model: SentenceTransformer, args: object) {
  const collator = async (rows: readonly (typeof pairs)[number][]): Promise<Columns> => {
    const texts = [rows.map((row) => row.anchor), rows.map((row) => row.positive)];
    const packed = await model.tokenize(texts.flat());
    const sizes = { tokenCount: packed.tokens.length, sequenceCount: packed.offsets.length - 1 };
    const columns = { columns: [rows.length, rows.length], names: ["anchor", "positive"], texts };
    return { ...packed, ...sizes, ...columns, labels: null, datasetName: null };
  };
  const trainDataset = { length: pairs.length, rows: (at: ArrayLike<number>) => Array.from(at, (i) => pairs[i]!) };
  return new Trainer({
    model,
    loss: new InBatch(model),
    collator,
    trainDataset,
    args: { perDeviceTrainBatchSize: 8, learningRate: 5e-3, report: [], handleSignals: false, ...args },
  });
}

const copyOf = async (model: SentenceTransformer) =>
  new Map(await Promise.all(model.entries().map(async ({ name, tensor }) => [name, await tensor.data()] as const)));

test("core's loop memorises pairs; its checkpoint opens as a model, and resumes to the same weights", async () => {
  const model = await modelToTrain();
  const run = trainer(model, { maxSteps: 30, saveStrategy: "steps", saveSteps: 20, outputDir });
  const { trainLoss } = await run.train();
  expect(trainLoss).toBeLessThan(Math.log(8));
  const embeddings = await model.encode(pairs.map(({ anchor }) => anchor));
  const { data } = await model.similarity(embeddings, await model.encode(pairs.map(({ positive }) => positive)));
  WORDS.forEach((_, i) => {
    const row = data.subarray(8 * i, 8 * i + 8);
    expect(row.indexOf(Math.max(...row))).toBe(i);
  });

  const checkpoint = join(outputDir, "checkpoint-20");
  expect(readdirSync(checkpoint)).toContain("modules.json");
  const opened = await openModel(checkpoint);
  expect((await opened.encode("about rain")).length).toBe(12);

  const again = await modelToTrain();
  const rest = trainer(again, { maxSteps: 30, saveStrategy: "no", outputDir: resumedDir });
  await rest.train({ resumeFromCheckpoint: checkpoint });
  expect(await copyOf(again)).toEqual(await copyOf(model));
});

test("parameters without gradients stay as they were, and pieces give the whole batch's gradient", async () => {
  const model = await modelToTrain();
  for (const { name, tensor } of model.entries()) if (name.startsWith("0.")) tensor.requiresGrad = false;
  const before = await copyOf(model);
  await trainer(model, { maxSteps: 3, saveStrategy: "no", outputDir: resumedDir, maxTokensPerMicroBatch: 32 }).train();
  const after = await copyOf(model);
  for (const [name, values] of after) {
    if (name.startsWith("0.")) expect(values, name).toEqual(before.get(name));
    else expect(values, name).not.toEqual(before.get(name));
  }
});

test("forwardLayers gives a row per text of the embedding and of each layer, the last as forward", async () => {
  const model = await modelToTrain();
  const batch = model.tokenizeNow(["about rain", "a"]);
  const layers = model.forwardLayers(batch);
  const whole = model.forward(batch);
  expect(layers.map(({ shape }) => shape)).toEqual(new Array(4).fill([2, 12]));
  expect(await layers.at(-1)!.data()).toEqual(await whole.data());
  for (const each of [...layers, whole]) each.dispose();
});

test("a checkpointed pass gives the same gradients", async () => {
  const gradients = async (on: boolean) => {
    const model = await modelToTrain();
    model.gradientCheckpointing = on;
    const rows = model.forward(model.tokenizeNow(["about rain", "a"]));
    const loss = rows
      .mul(
        Tensor.from(
          Float32Array.from({ length: 24 }, (_, i) => Math.cos(i)),
          { shape: [2, 12] },
        ),
      )
      .sum();
    loss.backward();
    const found = await Promise.all(model.entries().map(({ tensor }) => tensor.grad!.data()));
    for (const each of [rows, loss]) each.dispose();
    return found;
  };
  expect(await gradients(true)).toEqual(await gradients(false));
});
