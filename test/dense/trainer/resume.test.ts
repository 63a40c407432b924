import { rm } from "node:fs/promises";
import { join } from "node:path";
import { MultipleNegativesRankingLoss, type SentenceTransformer, SoftmaxLoss } from "@ettin/dense";
import { expect, test } from "vitest";
import { classes, freed, newFolder, newModel, newTrainer, pairs, weightsOf } from "./tiny.ts";

const LOSS_SEED = 7;

/** Two datasets, one of them with a loss that has parameters of its own, and prompts. */
function trainerOf(
  model: SentenceTransformer,
  outputDir: string,
  multi: "proportional" | "round_robin",
  stopAt: number | null,
) {
  const softmax = freed(new SoftmaxLoss(model, { numLabels: 2, seed: LOSS_SEED }));
  const stop = new AbortController();
  const trainer = newTrainer(
    {
      outputDir,
      numTrainEpochs: 2,
      perDeviceTrainBatchSize: 2,
      saveStrategy: stopAt === null ? "no" : "steps",
      saveSteps: 3,
      loggingSteps: 2,
      learningRate: 1e-3,
      batchSampler: "no_duplicates",
      multiDatasetBatchSampler: multi,
      prompts: { pairs: { anchor: "query: " } },
    },
    {
      model,
      trainDataset: { pairs: pairs(), classes: classes(7) },
      loss: { pairs: new MultipleNegativesRankingLoss(model), classes: softmax },
      callbacks: [{ onStepEnd: (_a, { globalStep }) => void (globalStep === stopAt && stop.abort()) }],
    },
  );
  return { trainer, softmax, signal: stop.signal };
}

async function contents(model: SentenceTransformer, softmax: SoftmaxLoss) {
  const own = [...softmax.namedParameters.values()].map(async (x) => [...((await x.data()) as Float32Array)]);
  return { weights: await weightsOf(model), own: await Promise.all(own) };
}

test.each([
  ["proportional", [4, 8]],
  ["round_robin", [5]],
] as const)(
  "a run that was killed ends with the bits of one that never was, loss's own parameters too: %s",
  async (multi, kills) => {
    const whole = await newModel();
    const never = trainerOf(whole, newFolder(), multi, null);
    await never.trainer.train();
    const expected = await contents(whole, never.softmax);

    const outputDir = newFolder();
    for (const stopAt of kills) {
      const { trainer, signal } = trainerOf(await newModel(), outputDir, multi, stopAt);
      const { stopped, globalStep } = await trainer.train({ signal, resumeFromCheckpoint: stopAt !== kills[0] });
      expect([stopped, globalStep]).toEqual(["abort", stopAt]);
      // As if the process had been killed: the steps since the last due checkpoint are lost.
      await rm(join(outputDir, `checkpoint-${stopAt}`), { recursive: true });
    }
    const model = await newModel();
    const last = trainerOf(model, outputDir, multi, null);
    await last.trainer.train({ resumeFromCheckpoint: true });
    expect(last.trainer.state.globalStep).toBe(never.trainer.state.globalStep);
    expect(await contents(model, last.softmax)).toEqual(expected);
    const untimed = (history: readonly object[]) => history.filter((entry) => !("train_runtime" in entry));
    expect(untimed(last.trainer.state.logHistory)).toEqual(untimed(never.trainer.state.logHistory));
    expect(model.cardFacts.training!.log).toEqual(whole.cardFacts.training!.log);
  },
);

test("a run goes on only with the prompts and the datasets that it had", async () => {
  const outputDir = newFolder();
  const { trainer, signal } = trainerOf(await newModel(), outputDir, "proportional", 3);
  await trainer.train({ signal });
  const model = await newModel();
  const loss = new MultipleNegativesRankingLoss(model);
  const args = {
    outputDir,
    numTrainEpochs: 2,
    perDeviceTrainBatchSize: 2,
    learningRate: 1e-3,
    batchSampler: "no_duplicates",
  } as const;
  const other = newTrainer({ ...args, loggingSteps: 2 }, { model, loss, trainDataset: { pairs: pairs() } });
  await expect(other.train({ resumeFromCheckpoint: true })).rejects.toThrow(
    'prompts is null, was {"pairs":{"anchor":"query: "}}',
  );
  const same = newTrainer(
    { ...args, prompts: { pairs: { anchor: "query: " } } },
    { model, loss, trainDataset: { pairs: pairs() } },
  );
  await expect(same.train({ resumeFromCheckpoint: true })).rejects.toThrow("was made with another dataset");
});
