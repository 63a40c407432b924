import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  lastCheckpoint,
  ModernBertDecoderForCausalLM,
  readSafetensorsHeader,
  type TrainingArguments,
} from "@ettin/core";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { ROOT } from "../../support/root.ts";
import { newModel, newTrainer, rowsOf, texts, weightsOf } from "./language.ts";

const root = temporaryFolder();
let folders = 0;
const newFolder = () => join(root, `run-${folders++}`);
const everyStep = { saveStrategy: "steps", saveSteps: 1, maxSteps: 3 } as const;

test("a checkpoint is a model's folder, with the optimizer under the names of the model's file", async () => {
  const outputDir = newFolder();
  const tokenizer = { savePretrained: (folder: string) => writeFile(join(folder, "tokenizer.json"), "{}") };
  const trainer = newTrainer({ ...everyStep, outputDir }, { tokenizer });
  const { checkpoint } = await trainer.train();
  expect(checkpoint).toBe(join(outputDir, "checkpoint-3"));
  expect((await readdir(outputDir)).sort()).toEqual(["checkpoint-1", "checkpoint-2", "checkpoint-3"]);
  expect((await readdir(checkpoint!)).sort()).toEqual([
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "optimizer.safetensors",
    "tokenizer.json",
    "trainer_state.json",
    "training_args.json",
  ]);
  const weights = await readSafetensorsHeader(join(checkpoint!, "model.safetensors"));
  const optimizer = await readSafetensorsHeader(join(checkpoint!, "optimizer.safetensors"));
  const expected = [...weights.tensors].flatMap(([name, { shape }]) => [
    [`exp_avg.${name}`, "F32", shape],
    [`exp_avg_sq.${name}`, "F32", shape],
  ]);
  expect([...optimizer.tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]).sort()).toEqual(
    expected.sort(),
  );
  expect([...weights.tensors.keys()]).toContain("model.layers.0.attn.q_proj.weight"); // one of three in a fused weight

  const loaded = await ModernBertDecoderForCausalLM.fromPretrained(checkpoint!);
  expect(await weightsOf(loaded)).toEqual(await weightsOf(trainer.model));
  loaded.dispose();
  trainer.model.dispose();
});

test("trainer_state.json has the reference's keys", async () => {
  const outputDir = newFolder();
  const trainer = newTrainer({ ...everyStep, outputDir, loggingSteps: 1 });
  await trainer.train();
  const state = JSON.parse(await readFile(join(outputDir, "checkpoint-3", "trainer_state.json"), "utf8"));
  // the fields of transformers' TrainerState, and one of ours
  expect(Object.keys(state).sort()).toEqual(
    [
      "best_global_step best_metric best_model_checkpoint epoch eval_steps global_step is_hyper_param_search",
      "is_local_process_zero is_world_process_zero log_history logging_steps max_steps num_input_tokens_seen",
      "num_train_epochs save_steps stateful_callbacks total_flos train_batch_size trial_name trial_params ettin",
    ]
      .join(" ")
      .split(" ")
      .sort(),
  );
  expect(state).toMatchObject({ global_step: 3, max_steps: 3, epoch: 0.5, train_batch_size: 4 });
  expect(state.ettin).toMatchObject({
    version: 1,
    random: { seed: 42, dataSeed: 42 },
    samplers: { epoch: 0, batches: 3 },
    tokensSeen: state.num_input_tokens_seen,
    datasetFingerprint: "rows 24",
  });
  expect(state.log_history.map(({ step }: { step: number }) => step)).toEqual([1, 2, 3]);
  expect(Object.keys(state.log_history[0]).sort()).toEqual([
    "epoch",
    "grad_norm",
    "learning_rate",
    "loss",
    "num_input_tokens_seen",
    "step",
  ]);
  trainer.model.dispose();
});

test("what a save left that was cut off is no checkpoint, and goes with the next save", async () => {
  const outputDir = newFolder();
  for (const name of [".checkpoint-9.partial", ".checkpoint-2.removed.partial"]) {
    await mkdir(join(outputDir, name), { recursive: true });
    await writeFile(join(outputDir, name, "trainer_state.json"), "{}");
  }
  await mkdir(join(outputDir, "checkpoint-8")); // without a state: not a trainer's
  expect(await lastCheckpoint(outputDir)).toBeNull();
  const trainer = newTrainer({ ...everyStep, outputDir, maxSteps: 1 });
  await trainer.train();
  expect((await readdir(outputDir)).sort()).toEqual(["checkpoint-1", "checkpoint-8"]);
  expect(await lastCheckpoint(outputDir)).toBe(join(outputDir, "checkpoint-1"));
  trainer.model.dispose();
});

test("saveTotalLimit keeps the newest and the best", async () => {
  const outputDir = newFolder();
  const scores = [3, 9, 5, 4, 1];
  const trainer = newTrainer(
    {
      ...everyStep,
      maxSteps: 5,
      outputDir,
      saveTotalLimit: 2,
      evalStrategy: "steps",
      evalSteps: 1,
      loadBestModelAtEnd: true,
      metricForBestModel: "score",
    },
    { evaluator: async (_, { step }) => ({ score: scores[step - 1]! }), evalDataset: rowsOf(texts(6)) },
  );
  await trainer.train();
  expect((await readdir(outputDir)).sort()).toEqual(["checkpoint-2", "checkpoint-5"]);
  expect(trainer.state).toMatchObject({
    bestMetric: 9,
    bestGlobalStep: 2,
    bestModelCheckpoint: join(outputDir, "checkpoint-2"),
  });
  const best = await ModernBertDecoderForCausalLM.fromPretrained(join(outputDir, "checkpoint-2"));
  expect(await weightsOf(trainer.model)).toEqual(await weightsOf(best));
  const again = newTrainer({}, { model: best, evalDataset: rowsOf(texts(6)) });
  expect((await trainer.evaluate()).eval_loss).toBe((await again.evaluate()).eval_loss);
  best.dispose();
  trainer.model.dispose();
});

test("overwriteOutputDir removes an earlier run's checkpoints", async () => {
  const outputDir = newFolder();
  const trainer = newTrainer({ ...everyStep, outputDir });
  await trainer.train();
  const again = newTrainer(
    { ...everyStep, outputDir, maxSteps: 1, overwriteOutputDir: true },
    { model: trainer.model },
  );
  await again.train();
  expect(await readdir(outputDir)).toEqual(["checkpoint-1"]);
  trainer.model.dispose();
});

test("a start that fails removes nothing of the earlier run", async () => {
  const outputDir = newFolder();
  const trainer = newTrainer({ ...everyStep, outputDir });
  await trainer.train();
  const before = ["checkpoint-1", "checkpoint-2", "checkpoint-3"];
  const over = { ...everyStep, outputDir, overwriteOutputDir: true };
  const misspelt = { optim: "stable_adamw", optimArgs: { decoupleLearningRates: true } } as object;
  const starts: [Partial<TrainingArguments>, { optimizerFrom?: string }, string][] = [
    [misspelt, {}, "[optimArgs] there is no option decoupleLearningRates"],
    [{ learningRateMapping: { classifier$: 1e-3 } }, {}, '[learningRateMapping] "classifier$" finds none of'],
    [{}, { optimizerFrom: join(outputDir, "checkpoint-9") }, "checkpoint-9"],
    [{ maxSteps: -1, maxTokens: 900, saveSteps: 0.5 }, {}, "saveSteps is 0.5, a share of all steps"],
  ];
  for (const [args, options, message] of starts) {
    const failing = newTrainer({ ...over, ...args }, { model: trainer.model });
    await expect(failing.train(options)).rejects.toThrow(message);
    expect((await readdir(outputDir)).sort()).toEqual(before);
  }
  const next = newTrainer({ ...over, maxSteps: 1 }, { model: trainer.model });
  await next.train({ optimizerFrom: join(outputDir, "checkpoint-3") }); // one of those that are to be removed
  expect(await readdir(outputDir)).toEqual(["checkpoint-1"]);
  trainer.model.dispose();
});

test("a full disk leaves the last checkpoint intact, and the error says so with the bytes", async () => {
  const outputDir = newFolder();
  const model = newModel();
  let saves = 0;
  const save = model.savePretrained.bind(model);
  model.savePretrained = async (folder) => {
    await save(folder);
    if (++saves === 2) throw Object.assign(new Error("no space left on device, write"), { code: "ENOSPC" });
  };
  const trainer = newTrainer({ ...everyStep, outputDir }, { model });
  // 4 bytes for each weight, and 8 for its two means
  const megabytes = ((12 * model.parameterCount) / 1e6).toFixed(1);
  await expect(trainer.train()).rejects.toThrow(
    new RegExp(
      `^\\[train\\] checkpoint-2 could not be written to .*: the disk is full; its tensors take ${megabytes} MB, .* MB are free\\. ` +
        "checkpoint-1 is intact: resume from it",
    ),
  );
  expect(await readdir(outputDir)).toEqual(["checkpoint-1"]);
  const resumed = newTrainer({ ...everyStep, outputDir });
  expect(await resumed.train({ resumeFromCheckpoint: true })).toMatchObject({ globalStep: 3 });
  for (const { model: each } of [trainer, resumed]) each.dispose();
});

test.skipIf(process.platform === "win32")(
  "a limit of the system on a file's size is met in the middle of a file",
  async () => {
    const outputDir = newFolder();
    const program = join(ROOT, "scripts/killable-run.ts");
    const run = (limit: string) =>
      promisify(execFile)(
        "bash",
        [
          "-c",
          `ulimit -f ${limit}; exec "$0" --import ./scripts/typescript.mjs "$1" "$2" 2`,
          process.execPath,
          program,
          outputDir,
        ],
        { cwd: ROOT },
      ).then(
        () => "",
        (error) => String(error.stderr),
      );
    // The model's file fits into 200 blocks of 1,024 bytes; the optimizer's, twice that, does not.
    const message = await run("200");
    expect(message).toContain("checkpoint-1 could not be written to");
    expect(message).toContain("a file may not be that large here");
    expect(await readdir(outputDir)).toEqual([]);
    expect(await run("unlimited")).toBe("");
    expect(existsSync(join(outputDir, "checkpoint-2", "trainer_state.json"))).toBe(true);
  },
);

test("the best checkpoint of each better evaluation is saved with saveStrategy best", async () => {
  const outputDir = newFolder();
  const losses = [3, 2, 4, 1];
  const trainer = newTrainer(
    {
      saveStrategy: "best",
      maxSteps: 4,
      outputDir,
      evalStrategy: "steps",
      evalSteps: 1,
      metricForBestModel: "cost",
      greaterIsBetter: false,
    },
    { evalDataset: rowsOf(texts(2)), evaluator: async (_, { step }) => ({ cost: losses[step - 1]! }) },
  );
  await trainer.train();
  expect((await readdir(outputDir)).sort()).toEqual(["checkpoint-1", "checkpoint-2", "checkpoint-4"]);
  trainer.model.dispose();
});
