import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import {
  Dataset,
  loadDataset,
  ModernBertDecoderForCausalLM,
  ModernBertForMaskedLM,
  type PreTrainedModel,
  type TrainerCallback,
} from "@ettin/core";
import { dataOrderFiles, type RunRecipeOptions, readRecipe, runRecipe } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";
import { tokenizer } from "../token-ids.ts";

const root = temporaryFolder();
const newFolder = () => mkdtempSync(join(root, "run-"));

/** Sequences that count upwards from a random start: the next token is never in doubt. */
const counting = (rows: number, offset: number) =>
  Dataset.fromRows(
    Array.from({ length: rows }, (_, i) => ({
      input_ids: [1, ...Array.from({ length: 14 + (i % 5) }, (_, t) => 5 + ((7 * i + offset + t) % 50)), 2],
    })),
  );
const data = counting(64, 0);
const evalData = counting(8, 3);

const SMALL = [
  "model.vocabSize=64",
  "model.hiddenSize=64",
  "model.intermediateSize=64",
  "model.numHiddenLayers=4",
  "model.numAttentionHeads=1",
  "model.maxPositionEmbeddings=64",
  "globalBatchSize=8",
  "devices=1",
  "precision=fp32",
];
const phase = (name: string, tokens: number) => [
  `${name}.tokens=${tokens}`,
  `${name}.maxSeqLen=32`,
  `${name}.microBatchSize=4`,
  `${name}.checkpointTokens=500`,
];
/** Steps take some 140 tokens: a phase has about 8, and a checkpoint every 4. */
const threePhases = (kind: "encoder" | "decoder") =>
  readRecipe(`ettin-${kind}-17m`, {
    set: [
      ...SMALL,
      ...phase("pretraining", 1000),
      "pretraining.schedule.warmupTokens=200",
      "pretraining.batchSizeWarmupTokens=300",
      ...phase("extension", 700),
      ...phase("decay", 500),
    ],
  });

const quiet = { data, tokenizer, report: ["metrics"], loggingSteps: 1, handleSignals: false } as const;

async function weightsOf(folder: string): Promise<Float32Array> {
  const isDecoder = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")).model_type === "modernbert-decoder";
  const model: PreTrainedModel = isDecoder
    ? await ModernBertDecoderForCausalLM.fromPretrained(folder)
    : await ModernBertForMaskedLM.fromPretrained(folder);
  const all = await Promise.all(model.parameters().map(async (parameter) => [...(await parameter.data())]));
  model.dispose();
  return Float32Array.from(all.flat());
}
const lines = (folder: string) =>
  readFileSync(join(folder, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number>);

describe("runRecipe", () => {
  test("trains all phases, each from the end of the one before, with the time set back", async () => {
    const output = newFolder();
    const exportTo = newFolder();
    const recipe = await threePhases("encoder");
    const { phases, checkpoint, stopped } = await runRecipe({ ...quiet, recipe, output, evalData, exportTo });
    expect(stopped).toBeUndefined();
    expect(phases.map(({ name }) => name)).toEqual(["pretraining", "extension", "decay"]);
    for (const [i, { tokens, steps, evaluation }] of phases.entries()) {
      expect(tokens).toBeGreaterThanOrEqual(recipe.phases[i]!.tokens);
      expect(tokens).toBeLessThan(recipe.phases[i]!.tokens + 200); // less than a step beyond
      expect(steps).toBeGreaterThan(2);
      expect(evaluation.eval_perplexity).toBeCloseTo(Math.exp(evaluation.eval_loss!), 4);
      expect(evaluation.eval_accuracy).toBeGreaterThanOrEqual(0);
    }
    // The rate: up to the peak; from it along 1 − √s to half of it; from half along 1 − √s.
    const rates = (name: string) =>
      lines(join(output, name)).flatMap(({ loss, learning_rate }) => (loss === undefined ? [] : [learning_rate!]));
    expect(rates("pretraining")[0]).toBeCloseTo(3e-13, 15); // 1e-10 of the peak
    expect(rates("pretraining").at(-1)).toBeCloseTo(3e-3, 12);
    expect(rates("extension")[0]).toBeCloseTo(3e-3, 12);
    expect(rates("extension").at(-1)).toBeLessThan(2e-3);
    expect(rates("decay")[0]).toBeCloseTo(1.5e-3, 12);

    expect(checkpoint).toBe(join(output, phases[2]!.checkpoint));
    const config = JSON.parse(readFileSync(join(checkpoint!, "config.json"), "utf8"));
    expect(config).toMatchObject({
      model_type: "modernbert",
      global_rope_theta: 160_000,
      local_rope_theta: 160_000,
      vocab_size: 64,
    });
    expect(config.attention_dropout).toBe(0);

    const revisions = readdirSync(exportTo);
    expect(revisions).toEqual(
      expect.arrayContaining([`step${phases[0]!.steps}`, `ext${phases[1]!.steps}`, `decay${phases[2]!.steps}`]),
    );
    expect(readdirSync(join(exportTo, `decay${phases[2]!.steps}`)).sort()).toEqual([
      "config.json",
      "model.safetensors",
    ]);
    expect(await weightsOf(join(exportTo, `decay${phases[2]!.steps}`))).toEqual(await weightsOf(checkpoint!));
  });

  test("an export that a run did not come to is made up for, by a run that goes on and by one that is done", async () => {
    const recipe = await threePhases("decoder");
    const [output, exportTo] = [newFolder(), newFolder()];
    const abort = new AbortController();
    const stopper: TrainerCallback = {
      onSave: (_args, { globalStep }) => {
        if (globalStep > 4) abort.abort();
      },
    };
    const part = await runRecipe({ ...quiet, recipe, output, exportTo, callbacks: [stopper], signal: abort.signal });
    expect(part.stopped).toBe("abort");
    const early = readdirSync(exportTo);
    expect(early.length).toBeGreaterThan(0);
    rmSync(join(exportTo, early[0]!), { recursive: true });
    let atStart: string[] = [];
    await runRecipe({
      ...quiet,
      recipe,
      output,
      exportTo,
      onPhase: () => {
        if (atStart.length === 0) atStart = readdirSync(exportTo);
      },
    });
    expect(atStart.sort()).toEqual(early.sort());
    const all = readdirSync(exportTo).sort();
    for (const name of all) rmSync(join(exportTo, name), { recursive: true });
    await runRecipe({ ...quiet, recipe, output, exportTo }); // there is nothing left to train
    expect(readdirSync(exportTo).sort()).toEqual(all);
  });

  test("the batch size warms up from one micro-batch to the whole batch", async () => {
    const output = newFolder();
    const sequences: number[] = [];
    const watch: TrainerCallback = {
      onStepEnd(_args, _state, _control, report) {
        sequences.push(report.sequences);
      },
    };
    const recipe = await threePhases("decoder");
    await runRecipe({ ...quiet, recipe: { ...recipe, phases: recipe.phases.slice(0, 1) }, output, callbacks: [watch] });
    // 300 tokens from 1 batch of 4 to 2: size 1 lasts a third of them, size 2 the rest
    expect(sequences[0]).toBe(4);
    expect(sequences.at(-1)).toBe(8);
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
  });

  test.each([3, 9, 14])(
    "stopped after step %d and called again, it ends with the bits of a run without a stop",
    async (after) => {
      const recipe = await threePhases("decoder");
      const whole = newFolder();
      const first = await runRecipe({ ...quiet, recipe, output: whole });

      const output = newFolder();
      const abort = new AbortController();
      let steps = 0;
      const stopper: TrainerCallback = {
        onStepEnd() {
          if (++steps === after) abort.abort();
        },
      };
      const part = await runRecipe({ ...quiet, recipe, output, callbacks: [stopper], signal: abort.signal });
      expect(part.stopped).toBe("abort");
      const rest = await runRecipe({ ...quiet, recipe, output });
      expect(rest.stopped).toBeUndefined();
      expect(rest.phases).toEqual(first.phases);
      expect(await weightsOf(rest.checkpoint!)).toEqual(await weightsOf(first.checkpoint!));
      // called once more there is nothing left to do
      expect(await runRecipe({ ...quiet, recipe, output })).toEqual(rest);
    },
  );

  test("the order of the data is written down, the same for a run that was stopped in between", async () => {
    const recipe = await threePhases("encoder");
    const rowsOf = async (folder: string) => {
      const files = (["pretraining", "extension", "decay"] as const).map((name) => dataOrderFiles(folder, name));
      const paths = (await Promise.all(files)).flat();
      const rows = await Promise.all(paths.map(async (path) => [...(await loadDataset(path))]));
      return { folders: paths.map((path) => basename(dirname(path))), rows: rows.flat() };
    };
    const whole = newFolder();
    const { phases } = await runRecipe({ ...quiet, recipe, output: newFolder(), dataOrder: whole });

    const parts = newFolder();
    const output = newFolder();
    const abort = new AbortController();
    const stopper: TrainerCallback = {
      onStepEnd(_args, { globalStep }) {
        if (globalStep === 5) abort.abort();
      },
    };
    await runRecipe({ ...quiet, recipe, output, dataOrder: parts, callbacks: [stopper], signal: abort.signal });
    await runRecipe({ ...quiet, recipe, output, dataOrder: parts });

    const { folders, rows } = await rowsOf(whole);
    expect((await rowsOf(parts)).rows).toEqual(rows);
    expect(folders).toEqual(expect.arrayContaining(["checkpoint_000001", "ext_000001", "decay_000001"]));
    const steps = rows.map(({ step }) => step as number);
    expect(steps.filter((step, i) => step < (steps[i - 1] ?? 0))).toHaveLength(2); // they begin anew in each phase
    expect(steps.at(-1)).toBe(phases[2]!.steps);
    const [first] = rows as { input_ids: Iterable<number> }[];
    expect([...first!.input_ids].slice(0, 1)).toEqual([1]);
    expect([...first!.input_ids]).not.toContain(3); // before masking
  });

  test("with packing, steps hold what fits into a whole batch's tokens", async () => {
    const recipe = await threePhases("decoder");
    const steps: [tokens: number, sequences: number][] = [];
    const watch: TrainerCallback = {
      onStepEnd(_args, _state, _control, { tokens, sequences }) {
        steps.push([tokens, sequences]);
      },
    };
    const phases = recipe.phases.slice(1, 2);
    await runRecipe({
      ...quiet,
      recipe: { ...recipe, packing: true, phases },
      output: newFolder(),
      callbacks: [watch],
    });
    // 2 rows of 4 · 32 tokens; sequences have 16 to 20 and count up to 2 more when they are placed
    for (const [tokens, sequences] of steps) {
      expect(tokens).toBeLessThanOrEqual(256);
      expect(tokens).toBeGreaterThan(190);
      expect(sequences).toBeGreaterThan(8); // what a step without packing has
    }
    expect(steps.length).toBeGreaterThan(1);
  });

  test("a cross-objective run starts from the weights of the other kind, with a fresh optimizer", async () => {
    const source = newFolder();
    const decoder = ModernBertDecoderForCausalLM.fromConfig(
      {
        modelType: "modernbert-decoder",
        vocabSize: 64,
        hiddenSize: 64,
        intermediateSize: 64,
        numHiddenLayers: 4,
        numAttentionHeads: 1,
        maxPositionEmbeddings: 64,
        padTokenId: 0,
        bosTokenId: 1,
        clsTokenId: 1,
        eosTokenId: 2,
        sepTokenId: 2,
      },
      { seed: 5 },
    );
    await decoder.savePretrained(source);
    decoder.dispose();
    const recipe = await readRecipe("ettin-enc-from-dec-17m", {
      set: [
        ...SMALL,
        "model.slidingWindow=8",
        "model.maxPositionEmbeddings=48",
        ...phase("cross", 500),
        "cross.schedule.warmupTokens=500",
        "cross.schedule.decayTokens=0",
        "cross.batchSizeWarmupTokens=0",
        "cross.learningRate=1e-12",
      ],
    });
    const { checkpoint, phases } = await runRecipe({ ...quiet, recipe, output: newFolder(), startFrom: source });
    const config = JSON.parse(readFileSync(join(checkpoint!, "config.json"), "utf8"));
    expect(config.architectures).toEqual(["ModernBertForMaskedLM"]);
    expect(phases[0]!.name).toBe("cross");
    expect(config).toMatchObject({ local_attention: 16, max_position_embeddings: 48 }); // of the recipe, not of the start
    const other = { ...recipe, model: { ...recipe.model, intermediateSize: 96, hiddenSize: 32 } };
    await expect(runRecipe({ ...quiet, recipe: other, output: newFolder(), startFrom: source })).rejects.toThrow(
      `[runRecipe] model.hiddenSize is 32, but the weights of ${source} have 64. Leave model.hiddenSize out, or start`,
    );
    // at a rate of almost 0 the weights are the decoder's: q, k and v lie behind each other now
    const [before, after] = [await weightsOf(source), await weightsOf(checkpoint!)];
    expect(after.length).toBe(before.length);
    expect(Math.max(...after.map((value, i) => Math.abs(value - before[i]!)))).toBeLessThan(1e-6);
  });
});

describe("runRecipe refuses", () => {
  const messageOf = async (options: Partial<RunRecipeOptions> & { output: string }) =>
    runRecipe({ ...quiet, recipe: await threePhases("encoder"), ...options }).then(
      () => "no error",
      (error: Error) => error.message,
    );

  test("to go on with another recipe, and names the keys", async () => {
    const output = newFolder();
    const recipe = await threePhases("encoder");
    const one = { ...recipe, phases: recipe.phases.slice(0, 1) };
    await runRecipe({ ...quiet, recipe: one, output });
    expect(await messageOf({ output, recipe: { ...one, seed: 22, attentionOutputDropout: 0 } })).toBe(
      `[runRecipe] ${output} has a run of another recipe: attentionOutputDropout is 0, was 0.1; seed is 22, was 21. Go on with the recipe of that run, or choose another output folder.`,
    );
    expect(existsSync(join(output, "pretraining.json"))).toBe(true);
  });
  test("to go on with another start or another tokenizer", async () => {
    const output = newFolder();
    const recipe = await threePhases("encoder");
    const one = { ...recipe, phases: recipe.phases.slice(0, 1) };
    const { checkpoint } = await runRecipe({ ...quiet, recipe: one, output });
    expect(await messageOf({ output, recipe: one, startFrom: checkpoint! })).toBe(
      `[runRecipe] ${output} has a run that began with new weights, now startFrom is ${checkpoint}. Go on with the same startFrom, or choose another output folder.`,
    );
    const message = await messageOf({ output, recipe: one, tokenizer: { ...tokenizer, mask: 4 } });
    expect(message).toContain(`${output} has a run with another tokenizer: [["cls",1],["mask",3]`);
    expect(message).toContain('now [["cls",1],["mask",4]');
    const again = await runRecipe({ ...quiet, recipe: one, output });
    expect(again.checkpoint).toBe(checkpoint);
  });
  test("data without tokens", async () => {
    const output = newFolder();
    expect(await messageOf({ output, data: Dataset.fromRows([{ text: "a" }]) })).toContain(
      "the data of phase pretraining has the columns text. Pass a tokenizer for its texts.",
    );
    expect(await messageOf({ output, data: { pretraining: data } })).toContain(
      "there is no data for phase extension, but for pretraining",
    );
  });
  test("a tokenizer with more ids than the model", async () => {
    expect(await messageOf({ output: newFolder(), tokenizer: { ...tokenizer, vocabSize: 65 } })).toContain(
      "the tokenizer has 65 ids, but the model 64",
    );
  });
});
