import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readRecipe } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../support/folder.ts";

const root = temporaryFolder();

/** A recipe's file, and its path. */
function written(text: string, name = "recipe.yaml"): string {
  const path = join(mkdtempSync(join(root, "recipe-")), name);
  writeFileSync(path, text);
  return path;
}
const messageOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "no error",
    (error: Error) => error.message,
  );

const small = `
extends: ettin-encoder-17m
globalBatchSize: 32
devices: 1
model:
  numHiddenLayers: 4
phases:
  pretraining:
    tokens: 2e6
    schedule: { warmupTokens: 1e5 }
    batchSizeWarmupTokens: 0
    microBatchSize: 32
  extension: null
  decay: { tokens: 1e6, microBatchSize: 16 }
`;

test("a step smaller than a micro-batch is one micro-batch, as in the example of ettin pretrain --help", async () => {
  const set = ["globalBatchSize=24", "devices=1"];
  const { phases } = await readRecipe("ettin-encoder-17m", { set, scale: 1e-6 });
  expect(phases.map(({ microBatchSize }) => microBatchSize)).toEqual([24, 24, 12]); // 144 in the first
});

describe("readRecipe", () => {
  test("a file that extends a recipe changes what it gives, and nothing else", async () => {
    const recipe = await readRecipe(written(small));
    expect(recipe).toMatchObject({
      name: "ettin-encoder-17m",
      model: { config: "ettin-encoder-17m", numHiddenLayers: 4 },
      globalBatchSize: 32,
      optimizer: { weightDecay: 3e-4 },
    });
    expect(recipe.phases.map(({ name, tokens }) => [name, tokens])).toEqual([
      ["pretraining", 2e6],
      ["decay", 1e6],
    ]);
    expect(recipe.phases[0]!.schedule).toEqual({ warmupTokens: 1e5, decayTokens: 0, decay: "linear", floor: 0.02 });
  });
  test("a file may extend another file, found beside it", async () => {
    const base = written(small);
    writeFileSync(join(base, "..", "next.yaml"), "extends: recipe.yaml\nname: mine\n");
    expect(await readRecipe(join(base, "..", "next.yaml"))).toMatchObject({ name: "mine", globalBatchSize: 32 });
  });
  test("a file that extends itself is refused", async () => {
    const path = written("extends: recipe.yaml\n");
    expect(await messageOf(readRecipe(path))).toBe(
      `[readRecipe] ${path} extends itself. Extend a recipe that stands on its own.`,
    );
  });
  test("JSON is read too", async () => {
    const path = written(JSON.stringify({ extends: "ettin-decoder-1b", name: "mine" }), "recipe.json");
    expect((await readRecipe(path)).name).toBe("mine");
  });
  test("options change single values; a phase's key needs no prefix", async () => {
    const recipe = await readRecipe("ettin-encoder-17m", {
      set: [
        "pretraining.tokens=1.8e12",
        "phases.decay.schedule.floor=0.1",
        "globalBatchSize=9216",
        "optimizer.betas=[0.9, 0.95]",
        "extension=null",
      ],
    });
    expect(recipe.phases.map(({ name }) => name)).toEqual(["pretraining", "decay"]);
    expect(recipe.phases[0]!.tokens).toBe(1.8e12);
    expect(recipe.phases[1]!.schedule.floor).toBe(0.1);
    expect(recipe.globalBatchSize).toBe(9216);
    expect(recipe.optimizer.betas).toEqual([0.9, 0.95]);
  });
  test("scale multiplies all counts of tokens, but not what is set", async () => {
    const recipe = await readRecipe("ettin-encoder-17m", { scale: 1e-6, set: ["decay.tokens=7"] });
    const [pretraining, extension, decay] = recipe.phases;
    expect(pretraining).toMatchObject({
      tokens: 1.7e6,
      batchSizeWarmupTokens: 125e3,
      checkpointTokens: 8500,
      learningRate: 3e-3,
      maxSeqLen: 1024,
    });
    expect(pretraining!.schedule.warmupTokens).toBe(4000);
    expect(extension).toMatchObject({ tokens: 250e3, batchSizeWarmupTokens: 0, schedule: { decayTokens: "whole" } });
    expect(decay!.tokens).toBe(7);
  });
});

describe("readRecipe names file, line and the nearest key", () => {
  test.each([
    [
      "extends: ettin-encoder-17m\nglobalBatchsize: 4\n",
      ":2 there is no key globalBatchsize. The nearest is globalBatchSize.",
    ],
    [
      "extends: ettin-encoder-17m\nphases:\n  pretraining:\n    tokns: 4\n",
      ":4 there is no key tokns in phases.pretraining. The nearest is tokens.",
    ],
    [
      "extends: ettin-encoder-17m\nphases:\n  decay:\n    schedule: { flor: 1 }\n",
      ":4 there is no key flor in phases.decay.schedule. The nearest is floor.",
    ],
    ["extends: ettin-encoder-17m\nphase:\n  decay:\n", ":2 there is no key phase. The nearest is phases."],
    ["extends: ettin-encoder-17m\n\nobjective: mlmm\n", ':3 objective is "mlmm". It has to be one of mlm, clm, mntp.'],
    [
      "extends: ettin-encoder-17m\nphases:\n  decay:\n    tokens: 0\n",
      ":4 phases.decay.tokens is 0. It has to be a whole number from 1 on.",
    ],
    ["extends: ettin-encoder-17m\nseed: 1\nseed: 2\n", ":3 Map keys must be unique. Correct the file's YAML."],
    ["extends: ettin-encoder-17m\noptimizer: 4\n", ":2 optimizer is 4. It has keys of its own."],
    [
      "extends: ettin-encoder-17m\nobjective: clm\n",
      ":2 objective is clm, but the model is ettin-encoder-17m. Use an ettin-decoder-… configuration.",
    ],
    [
      "extends: ettin-encoder-17m\nmodel: { config: ettin-encoder-18m }\n",
      ":2 there is no configuration ettin-encoder-18m. The nearest is ettin-encoder-17m.",
    ],
    [
      "extends: ettin-encoder-17m\nglobalBatchSize: 1000\n",
      "pretraining: globalBatchSize 1000 is not a multiple of 144 sequences on 4 devices. Set pretraining.microBatchSize so that it is, or devices=1.",
    ],
    ["seed: &x 1\nshuffleSeed: *x\n", ":2 has an alias or a key that is no word. Write the values out."],
    ["- 1\n", " has no keys. Write a recipe: name, model, objective, phases."],
    ["extends: [1]\n", ':1 extends is "a list". Give a recipe\'s name or file.'],
  ])("%j", async (text, message) => {
    const path = written(text);
    const found = await messageOf(readRecipe(path));
    expect(found).toContain(message);
    expect(found.startsWith(`[readRecipe] ${message.startsWith("pretraining") ? "ettin-encoder-17m:" : path}`)).toBe(
      true,
    );
  });
  test.each([
    ["pretraning.tokens=1", "there is no key pretraning. The nearest is pretraining."],
    ["pretraining.tokens", '"pretraining.tokens" is not key=value'],
    ["pretraining.tokens=many", 'pretraining.tokens is "many". It has to be a whole number from 1 on.'],
    [
      "decay.schedule.warmupTokens=60e9",
      "decay: the warm-up takes 60000000000 tokens and the fall 50000000000, but the phase has 50000000000",
    ],
    ["decay.revision=ext", "two phases have the revision ext"],
  ])("in the option %s", async (option, message) => {
    expect(await messageOf(readRecipe("ettin-encoder-17m", { set: [option] }))).toContain(message);
  });
  test("a recipe that is not there", async () => {
    expect(await messageOf(readRecipe("ettin-encoder-17n"))).toBe(
      "[readRecipe] ettin-encoder-17n cannot be read: ENOENT. The nearest recipe is ettin-encoder-17m.",
    );
  });
  test("a recipe of its own that lacks a key", async () => {
    expect(await messageOf(readRecipe(written("name: mine\n")))).toMatch(/has no model\.config\. Give it: a text\.$/);
  });
  test.each([0, -1, Number.NaN])("a scale of %d", async (scale) => {
    expect(await messageOf(readRecipe("ettin-encoder-17m", { scale }))).toContain(`scale is ${scale}`);
  });
});
