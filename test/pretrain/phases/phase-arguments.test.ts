import { NumpyGenerator } from "@ettin/core";
import { phaseArguments, readRecipe, recipeOrder, revisionName } from "@ettin/pretrain";
import { describe, expect, test } from "vitest";

describe("phaseArguments", () => {
  test("150m on four devices: a batch of 288, 16 of them to a step, growing from one", async () => {
    const recipe = await readRecipe("ettin-encoder-150m");
    // 72 sequences on each of 4 devices; 4608 / 288 = 16
    expect(phaseArguments(recipe, recipe.phases[0]!)).toMatchObject({
      perDeviceTrainBatchSize: 288,
      gradientAccumulationSteps: 16,
      batchSizeWarmup: { tokens: 50e9, from: 1 },
      maxTokens: 1.7e12,
      learningRate: 8e-4,
      optim: "stable_adamw",
      optimArgs: { decoupleLearningRate: true, maxLearningRate: 8e-4 },
      lrSchedulerKwargs: { numDecayTokens: 0 },
      warmupTokens: 3e9,
      bf16: true,
      maxGradNorm: 0,
      dataloaderDropLast: true,
    });
  });
  test("the decay phase starts at half the peak and decays weights by the whole one", async () => {
    const recipe = await readRecipe("ettin-encoder-150m");
    expect(phaseArguments(recipe, recipe.phases[2]!)).toMatchObject({
      batchSizeWarmup: null,
      learningRate: 4e-4,
      optimArgs: { maxLearningRate: 8e-4 },
      lrSchedulerKwargs: { numDecayTokens: 50e9, decayType: "1-sqrt", minLrRatio: 0.04 },
    });
  });
});

describe("recipeOrder", () => {
  test("is a permutation by PCG64DXSM of seed + epoch, without an incomplete batch", () => {
    const order = recipeOrder(10, 3, 21);
    const expected = [...new NumpyGenerator(22, "PCG64DXSM").permutation(10)];
    expect(order.batchesPerEpoch).toBe(3);
    expect([...order.batches(1)].flat()).toEqual(expected.slice(0, 9));
    expect([...order.batches(1)]).toEqual([...order.batches(1)]);
    expect([...order.batches(0)]).not.toEqual([...order.batches(1)]);
  });
  test("refuses fewer rows than a batch takes", () => {
    expect(() => recipeOrder(2, 3, 21)).toThrow("[recipeOrder] there are 2 rows, but a batch takes 3");
  });
});

test("a phase's checkpoints and data order are named as the published ones", async () => {
  const { phases } = await readRecipe("ettin-decoder-400m");
  expect(phases.map((phase) => revisionName(phase, 590_532))).toEqual(["step590532", "ext590532", "decay590532"]);
});
